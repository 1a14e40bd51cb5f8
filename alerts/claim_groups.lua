-- Lease groups whose time has come. ARGV: prefix, now in ms or '', lease in ms, how many at most
-- Returns, per group: {key, token, fields, what was told or '', members as {fingerprint, order, change, when it was accepted if
--   it is not in the news yet or '', ...}, news, now}.
local lease_ms, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
for _, gk in ipairs(redis.call('ZRANGEBYSCORE', p .. 'groups:leased', '-inf', now, 'LIMIT', 0, 1000)) do -- who died
  redis.call('ZREM', p .. 'groups:leased', gk)
  redis.call('HDEL', p .. 'groups:lease', gk)
  redis.call('ZADD', p .. 'groups:due', 'LT', now, gk)
end
local claimed = {}
while #claimed < limit do
  local first = redis.call('ZRANGE', p .. 'groups:due', 0, 0, 'WITHSCORES')
  if not first[1] or tonumber(first[2]) > now then
    break
  end
  local gk = first[1]
  redis.call('ZREM', p .. 'groups:due', gk)
  if redis.call('ZSCORE', p .. 'groups:leased', gk) then
    redis.call('HSET', p .. 'group:' .. gk, 'again', first[2]) -- whoever has it looks again
  elseif redis.call('EXISTS', p .. 'group:' .. gk) == 1 then
    local token = tostring(redis.call('INCR', p .. 'fence'))
    redis.call('HSET', p .. 'groups:lease', gk, token)
    redis.call('ZADD', p .. 'groups:leased', now + lease_ms, gk)
    local members = {}
    for _, fp in ipairs(redis.call('SMEMBERS', p .. 'members:' .. gk)) do
      local alert = redis.call('HMGET', p .. 'alert:' .. fp, 'order', 'current')
      if alert[2] then
        members[#members + 1] = fp
        members[#members + 1] = alert[1] or ''
        members[#members + 1] = alert[2]
        -- An order ends with the id of its change, after 59 digits.
        local coming = redis.call('HGET', p .. 'unrouted', string.sub(alert[1] or '', 60))
        members[#members + 1] = coming and string.match(coming, '^%d+') or ''
      else -- it has expired
        redis.call('SREM', p .. 'members:' .. gk, fp)
      end
    end
    claimed[#claimed + 1] = {
      gk, token, redis.call('HGETALL', p .. 'group:' .. gk), redis.call('GET', p .. 'told:' .. gk) or '', members,
      redis.call('LRANGE', p .. 'news:' .. gk, 0, -1), string.format('%d', now)
    }
  end
end
return claimed
