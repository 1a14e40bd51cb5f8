-- Turn the notification of a change into one for each receiver, in one step.
-- ARGV: prefix, now in ms or '', line, token, key, retention in ms, then pairs of receiver and key
-- Returns 1; 0 when the lease was lost.
local line, token, key, retention = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not is_mine(line, token) then
  return 0
end
local f = redis.call('HMGET', p .. 'note:' .. key, 'change', 'change_id', 'fp', 'order', 'urgency', 'accepted_ms')
local notes = p .. 'notes:' .. f[3]
for i = 7, #ARGV, 2 do
  local receiver, new = ARGV[i], ARGV[i + 1]
  if redis.call('EXISTS', p .. 'note:' .. new) == 0 then
    local its_line = receiver .. '/' .. f[3]
    redis.call('HSET', p .. 'note:' .. new, 'change', f[1], 'change_id', f[2], 'fp', f[3], 'order', f[4],
      'urgency', f[5], 'accepted_ms', f[6], 'status', 'pending', 'receiver', receiver, 'line', its_line)
    redis.call('RPUSH', notes, new)
    redis.call('ZADD', p .. 'pending', f[6], new)
    redis.call('ZADD', p .. 'line:' .. its_line, 0, f[4] .. '|' .. new)
    make_ready(its_line)
  end
end
redis.call('LREM', notes, 1, key)
if redis.call('EXISTS', p .. 'alert:' .. f[3]) == 0 then -- the alert has expired meanwhile
  redis.call('PEXPIRE', notes, retention)
end
redis.call('ZREM', p .. 'line:' .. line, f[4] .. '|' .. key)
redis.call('ZREM', p .. 'pending', key)
redis.call('DEL', p .. 'note:' .. key)
let_go(line)
make_ready(line)
return 1
