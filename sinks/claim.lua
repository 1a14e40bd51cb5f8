-- Lease the most urgent lines to the caller.
-- ARGV: prefix, now in ms or '', lease in ms, how many at most
-- Returns, per line: {line, token, key, fields of the notification, its tries, now, ids of its thread's first messages,
--   its receipts, of a digest: what it stands for}.
local lease_ms, limit = tonumber(ARGV[3]), tonumber(ARGV[4])

for _, set in ipairs({'leased', 'later'}) do -- whose lease has ended (its notifier died), whose time has come
  for _, line in ipairs(redis.call('ZRANGEBYSCORE', p .. set, '-inf', now, 'LIMIT', 0, 1000)) do
    redis.call('ZREM', p .. set, line)
    redis.call('HDEL', p .. 'lease', line)
    make_ready(line, now)
  end
end

-- The first of a line that is there. One that is gone (nothing of ours takes it away) must not stop the others: the auditor is told,
-- and sends it again if it can.
local function whole(line)
  local key = head(line)
  while key and redis.call('HEXISTS', p .. 'note:' .. key, 'body') == 0 do
    redis.call('ZREMRANGEBYRANK', p .. 'line:' .. line, 0, 0)
    redis.call('ZREM', p .. 'pending', key)
    redis.call('ZREM', p .. 'pending:' .. (string.match(line, '^(.*)/[^/]*$') or ''), key)
    redis.call('ZREM', p .. 'undelivered', key)
    redis.call('HSET', p .. 'lost', key, line)
    key = head(line)
  end
  return key
end

local claimed = {}
while #claimed < limit do
  local line = redis.call('ZRANGE', p .. 'ready', 0, 0)[1]
  if not line then
    break
  end
  redis.call('ZREM', p .. 'ready', line)
  local key = whole(line)
  if key then
    local token = tostring(redis.call('INCR', p .. 'fence'))
    redis.call('HSET', p .. 'lease', line, token)
    redis.call('ZADD', p .. 'leased', now + lease_ms, line)
    local note = redis.call('HGETALL', p .. 'note:' .. key)
    local found = redis.call('HMGET', p .. 'note:' .. key, 'thread', 'receipts', 'news')
    local receipts = found[2] and redis.call('LRANGE', p .. 'receipts:' .. key, 0, -1) or {}
    if found[3] then
      redis.call('HDEL', p .. 'note:' .. key, 'news')
    end
    claimed[#claimed + 1] = {
      line, token, key, note, redis.call('LRANGE', p .. 'tries:' .. key, 0, -1), now,
      redis.call('HGETALL', p .. 'thread:' .. found[1]), receipts,
      redis.call('HGETALL', p .. 'digest:' .. key)
    }
  end
end
return claimed
