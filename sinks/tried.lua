-- Record a try. What was sent was sent, whoever holds the lease by now; how it goes on is up to the holder.
-- ARGV: prefix, now in ms or '', line, token, key, try (JSON), progress (JSON), thread, retention in ms, what receipts may come for
--       ('', or JSON: {{recipient, what the far side calls the message}, ...}), how the notification ends ('': not yet), then pairs
--       of channel|recipient and what the far side calls the message
-- A notification that ends with this try leaves its line in the same step.
-- Returns 1; 0 when the lease was lost.
local line, token, key, progress, retention, over = ARGV[3], ARGV[4], ARGV[5], ARGV[7], ARGV[9], ARGV[11]
local note = p .. 'note:' .. key
if redis.call('EXISTS', note) == 0 then
  return 0
end
local ended = keep_try(key, ARGV[6], ARGV[8], retention, ARGV[10], 12)
if not is_mine(line, token) then
  local ttl = redis.call('PTTL', note)
  if ttl > 0 then
    redis.call('PEXPIRE', p .. 'tries:' .. key, ttl)
  end
  return 0
end
if over ~= '' then
  finish(line, key, 'delivered', over, retention)
  let_go(line)
  make_ready(line)
  return 1
end
redis.call('HDEL', note, 'sending')
redis.call('HSET', note, 'progress', progress)
if ended then
  redis.call('HSET', note, 'news', '1')
end
return 1
