-- Record a try. What was sent was sent, whoever holds the lease by now; how it goes on is up to the holder.
-- ARGV: prefix, now in ms or '', line, token, key, try (JSON), progress (JSON), thread, retention in ms, then pairs of
--       channel|recipient and what the far side calls the message
-- Returns 1; 0 when the lease was lost.
local line, token, key, try, progress = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local note = p .. 'note:' .. key
if redis.call('EXISTS', note) == 0 then
  return 0
end
redis.call('RPUSH', p .. 'tries:' .. key, try)
local thread = p .. 'thread:' .. ARGV[8]
for i = 10, #ARGV, 2 do -- the first message of the thread is the one that others update or answer
  redis.call('HSETNX', thread, ARGV[i], ARGV[i + 1])
  redis.call('PEXPIRE', thread, ARGV[9])
end
if not is_mine(line, token) then
  local ttl = redis.call('PTTL', note)
  if ttl > 0 then
    redis.call('PEXPIRE', p .. 'tries:' .. key, ttl)
  end
  return 0
end
redis.call('HDEL', note, 'sending')
redis.call('HSET', note, 'progress', progress)
return 1
