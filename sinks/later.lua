-- Let go of a line until a time from now.
-- ARGV: prefix, now in ms or '', line, token, key, delay in ms, progress (JSON), 1 when every tier has failed, 2 when they
--       have for so long that what waits for it is not to wait any more
-- Returns 1; 0 when the lease was lost.
local line, token, key, delay_ms, progress, undelivered = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
if not is_mine(line, token) then
  return 0
end
redis.call('HSET', p .. 'note:' .. key, 'progress', progress)
if undelivered ~= '0' then
  redis.call('ZADD', p .. 'undelivered', 'NX', now, key)
end
if undelivered == '2' then -- a digest: it may be what the far side refuses; it goes on being tried
  free_behind(key)
end
let_go(line)
if redis.call('HDEL', p .. 'note:' .. key, 'news') == 1 then -- a receipt that came while this was worked on
  make_ready(line, now)
else
  redis.call('ZADD', p .. 'later', now + delay_ms, line)
end
return 1
