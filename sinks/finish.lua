-- A notification is done: it leaves its line, which goes on with the next.
-- ARGV: prefix, now in ms or '', line, token, key, status, note, retention in ms
-- Returns 1; 0 when it was done already.
local line, token, key, status, text, retention = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local note = p .. 'note:' .. key
local known = redis.call('HMGET', note, 'status', 'order', 'receiver', 'receipts')
local answer = 0
if known[1] == 'pending' then
  redis.call('ZREM', p .. 'line:' .. line, known[2] .. '|' .. key)
  redis.call('HSET', note, 'status', status, 'done_ms', now, 'note', text)
  redis.call('HDEL', note, 'sending', 'news')
  redis.call('ZREM', p .. 'pending', key)
  redis.call('ZREM', p .. 'pending:' .. known[3], key)
  redis.call('ZREM', p .. 'undelivered', key)
  redis.call('PEXPIRE', note, retention)
  redis.call('PEXPIRE', p .. 'tries:' .. key, retention)
  if known[4] then
    redis.call('PEXPIRE', p .. 'receipts:' .. key, retention)
  end
  -- Of a digest: the lines that waited for it. Those that have gone into another since wait for that.
  for _, one in ipairs(redis.call('SMEMBERS', p .. 'behind:' .. key)) do
    if redis.call('HGET', p .. 'behind', one) == key then
      redis.call('HDEL', p .. 'behind', one)
      make_ready(one)
    end
  end
  redis.call('DEL', p .. 'behind:' .. key)
  answer = 1
end
if is_mine(line, token) then
  let_go(line)
  make_ready(line)
end
return answer
