-- Put a change into its groups, in one step; once, whoever else has read it.
-- ARGV: prefix, now in ms or '', change id, fingerprint, groups (JSON: list of {key, receiver, labels, route, wait_ms, interval_ms})
-- Returns 1; 0 when it had been put there before.
local id, fp = ARGV[3], ARGV[4]
local stored = redis.call('HGET', p .. 'unrouted', id)
if not stored then
  return 0
end
local accepted = string.match(stored, '^%d+')
for _, group in ipairs(cjson.decode(ARGV[5])) do
  local gk, name = group.key, p .. 'group:' .. group.key
  if redis.call('EXISTS', name) == 0 then
    redis.call('SADD', p .. 'groups', gk)
    redis.call('HSET', name, 'origin', string.format('%d', now + group.wait_ms), 'created', string.format('%d', now))
  end
  redis.call('HSET', name, 'receiver', group.receiver, 'labels', group.labels, 'route', group.route,
    'interval', group.interval_ms)
  redis.call('SADD', p .. 'members:' .. gk, fp)
  redis.call('SADD', p .. 'groups_of:' .. fp, gk)
  redis.call('RPUSH', p .. 'news:' .. gk, fp .. '|' .. id .. '|' .. accepted)
  redis.call('ZADD', p .. 'pending', accepted, 'news-' .. gk .. '-' .. id)
  -- On its next tick.
  local due = tick_after(name, now)
  local tick = tonumber(redis.call('HGET', name, 'tick') or '')
  if tick == nil or due < tick then
    redis.call('HSET', name, 'tick', string.format('%d', due))
  end
  redis.call('ZADD', p .. 'groups:due', 'LT', due, gk)
end
redis.call('HDEL', p .. 'unrouted', id)
redis.call('LREM', p .. 'unrouted:order', 1, id)
redis.call('ZREM', p .. 'pending', 'change-' .. id)
return 1
