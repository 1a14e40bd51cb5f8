-- Put a change into its groups, in one step; once, whoever else has read it.
-- ARGV: prefix, now in ms or '', change id ('': no change; an alert joins groups that it is not in), fingerprint, groups (JSON:
--       list of {key, receiver, labels, route, wait_ms, interval_ms}), '1': it is news also for other groups that it is in
-- Returns 1; 0 when it had been put there before.
local id, fp = ARGV[3], ARGV[4]
local accepted
if id ~= '' then
  local stored = redis.call('HGET', p .. 'unrouted', id)
  if not stored then
    return 0
  end
  accepted = string.match(stored, '^%d+')
elseif redis.call('SCARD', p .. 'groups_of:' .. fp) == 0 then -- its change is on its way there
  return 0
end

local function tell(gk) -- on its next tick
  local name = p .. 'group:' .. gk
  if id ~= '' then
    redis.call('RPUSH', p .. 'news:' .. gk, fp .. '|' .. id .. '|' .. accepted)
    redis.call('ZADD', p .. 'pending', accepted, 'news-' .. gk .. '-' .. id)
  end
  local due = tick_after(name, now)
  local tick = tonumber(redis.call('HGET', name, 'tick') or '')
  if tick == nil or due < tick then
    redis.call('HSET', name, 'tick', string.format('%d', due))
  end
  redis.call('ZADD', p .. 'groups:due', 'LT', due, gk)
end

local theirs = {}
for _, group in ipairs(cjson.decode(ARGV[5])) do
  local gk, name = group.key, p .. 'group:' .. group.key
  theirs[gk] = true
  if id ~= '' or redis.call('SISMEMBER', p .. 'members:' .. gk, fp) == 0 then
    if redis.call('EXISTS', name) == 0 then
      redis.call('SADD', p .. 'groups', gk)
      redis.call('HSET', name, 'origin', string.format('%d', now + group.wait_ms), 'created', string.format('%d', now))
    end
    redis.call('HSET', name, 'receiver', group.receiver, 'labels', group.labels, 'route', group.route,
      'interval', group.interval_ms)
    redis.call('SADD', p .. 'members:' .. gk, fp)
    redis.call('SADD', p .. 'groups_of:' .. fp, gk)
    tell(gk)
  end
end
if id == '' then
  return 1
end
if ARGV[6] == '1' then
  for _, gk in ipairs(redis.call('SMEMBERS', p .. 'groups_of:' .. fp)) do
    if not theirs[gk] and redis.call('EXISTS', p .. 'group:' .. gk) == 1 then
      tell(gk)
    end
  end
end
redis.call('HDEL', p .. 'unrouted', id)
redis.call('LREM', p .. 'unrouted:order', 1, id)
redis.call('ZREM', p .. 'pending', 'change-' .. id)
return 1
