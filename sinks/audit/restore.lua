-- Write a notification that was decided and is gone, under the same key: once.
-- ARGV: prefix, now in ms or '', key, receiver, line, group, urgency (0 to 3), accepted in ms, thread, body (JSON), how many of its
--       alerts fire, how many have resolved, fingerprints
-- Returns 1; 0 when it is there, or a digest stands for it.
local key, receiver, line = ARGV[3], ARGV[4], ARGV[5]
local note = p .. 'note:' .. key
local known = redis.call('HMGET', note, 'body', 'status', 'note')
if known[1] then
  local digest = known[2] == 'digested' and string.match(known[3] or '', '^in the digest (.*)$')
  if not digest or redis.call('HEXISTS', p .. 'note:' .. digest, 'body') == 1 then
    return 0
  end
end
for _, entry in ipairs(redis.call('ZRANGE', p .. 'line:' .. line, 0, -1)) do
  if string.match(entry, '^[^|]*|(.*)$') == key then
    redis.call('ZREM', p .. 'line:' .. line, entry)
  end
end
local order = string.format('%020d', redis.call('INCR', p .. 'sequence'))
redis.call('DEL', note)
redis.call('HSET', note, 'body', ARGV[10], 'order', order, 'urgency', tonumber(ARGV[7]) * 2, 'accepted_ms', ARGV[8],
  'status', 'pending', 'receiver', receiver, 'line', line, 'group', ARGV[6], 'thread', ARGV[9],
  'what', '', 'firing', ARGV[11], 'resolved', ARGV[12], 'first', '1')
redis.call('ZADD', p .. 'pending', ARGV[8], key)
redis.call('ZADD', p .. 'pending:' .. receiver, ARGV[8], key)
redis.call('ZADD', p .. 'line:' .. line, 0, order .. '|' .. key)
make_ready(line, now)
for i = 13, #ARGV do
  local notes = p .. 'notes:' .. ARGV[i]
  if not redis.call('LPOS', notes, key) then
    redis.call('RPUSH', notes, key)
    local left = redis.call('PTTL', p .. 'alert:' .. ARGV[i])
    if left > 0 then
      redis.call('PEXPIRE', notes, left)
    end
  end
end
return 1
