-- Wake the groups of alerts whose acknowledgement has run out.
-- ARGV: prefix, now in ms, how many at most
-- Returns how many there were.
local p, now_ms = ARGV[1], ARGV[2]
local lapsing = p .. 'acked:until'
local found = redis.call('ZRANGEBYSCORE', lapsing, '-inf', now_ms, 'LIMIT', 0, ARGV[3])
for _, fp in ipairs(found) do
  for _, group in ipairs(redis.call('SMEMBERS', p .. 'groups_of:' .. fp)) do
    redis.call('ZADD', p .. 'groups:due', 'LT', now_ms, group)
  end
  redis.call('ZREM', lapsing, fp)
end
if #found > 0 then
  redis.call('PUBLISH', p .. 'wake', 'lapsed')
end
return #found
