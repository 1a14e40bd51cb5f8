-- Write down that a notification is about to be sent, and hold its line until the send must be over.
-- ARGV: prefix, now in ms or '', line, token, key, lease in ms, what is sent (JSON)
-- Returns 1; 0 when the lease was lost: then another notifier may be sending, and the caller must not.
local line, token, key, lease_ms, sending = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
if not is_mine(line, token) then
  return 0
end
redis.call('ZADD', p .. 'leased', now + lease_ms, line)
redis.call('HSET', p .. 'note:' .. key, 'sending', sending)
return 1
