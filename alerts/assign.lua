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

-- Tell a group of the change: on its next tick. `group` is nil where it is to stay as it is.
local function put(gk, group)
  local name, fields = p .. 'group:' .. gk, {}
  local f = redis.call('HMGET', name, 'origin', 'interval', 'tick', 'receiver', 'labels', 'route')
  local origin, interval, tick = tonumber(f[1]), tonumber(f[2]), tonumber(f[3])
  if group then
    if not origin then
      origin = now + group.wait_ms
      redis.call('SADD', p .. 'groups', gk)
      fields = {'origin', string.format('%d', origin), 'created', string.format('%d', now)}
    end
    if interval ~= group.interval_ms or f[4] ~= group.receiver or f[5] ~= group.labels or f[6] ~= group.route then
      interval = group.interval_ms
      for _, one in ipairs({'receiver', group.receiver, 'labels', group.labels, 'route', group.route, 'interval', interval}) do
        fields[#fields + 1] = one
      end
    end
    redis.call('SADD', p .. 'members:' .. gk, fp)
  elseif not origin then
    return
  end
  if id ~= '' then
    redis.call('RPUSH', p .. 'news:' .. gk, fp .. '|' .. id .. '|' .. accepted)
    redis.call('ZADD', p .. 'pending', accepted, 'news-' .. gk .. '-' .. id)
  end
  local due = next_tick(origin, interval, now)
  if tick == nil or due < tick then
    fields[#fields + 1], fields[#fields + 2] = 'tick', string.format('%d', due)
  end
  if #fields > 0 then
    redis.call('HSET', name, unpack(fields))
  end
  redis.call('ZADD', p .. 'groups:due', 'LT', due, gk)
end

local theirs, names = {}, {}
for _, group in ipairs(cjson.decode(ARGV[5])) do
  local gk = group.key
  theirs[gk] = true
  if id ~= '' or redis.call('SISMEMBER', p .. 'members:' .. gk, fp) == 0 then
    put(gk, group)
    names[#names + 1] = gk
  end
end
if #names > 0 then
  redis.call('SADD', p .. 'groups_of:' .. fp, unpack(names))
end
if id == '' then
  return 1
end
if ARGV[6] == '1' then
  for _, gk in ipairs(redis.call('SMEMBERS', p .. 'groups_of:' .. fp)) do
    if not theirs[gk] then
      put(gk, nil)
    end
  end
end
redis.call('HDEL', p .. 'unrouted', id)
redis.call('LREM', p .. 'unrouted:order', 1, id)
redis.call('ZREM', p .. 'pending', 'change-' .. id)
return 1
