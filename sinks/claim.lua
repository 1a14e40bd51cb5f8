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

-- The first of a line that is there, and its fields. One that is gone (nothing of ours takes it away) must not stop the others: the
-- auditor is told, and sends it again if it can.
local function whole(line)
  local key = head(line)
  while key do
    local fields, note = redis.call('HGETALL', p .. 'note:' .. key), {}
    for i = 1, #fields, 2 do
      note[fields[i]] = fields[i + 1]
    end
    if note.body then
      return key, fields, note
    end
    redis.call('ZREMRANGEBYRANK', p .. 'line:' .. line, 0, 0)
    redis.call('ZREM', p .. 'pending', key)
    redis.call('ZREM', p .. 'pending:' .. (string.match(line, '^(.*)/[^/]*$') or ''), key)
    redis.call('ZREM', p .. 'undelivered', key)
    redis.call('HSET', p .. 'lost', key, line)
    free_behind(key)
    key = head(line)
  end
  return nil
end

local AT_ONCE = 500
local claimed = {}
while #claimed < limit do
  local lines = redis.call('ZRANGE', p .. 'ready', 0, math.min(limit - #claimed, AT_ONCE) - 1)
  if #lines == 0 then
    break
  end
  redis.call('ZREM', p .. 'ready', unpack(lines))
  local leases, until_ = {}, {}
  local token = redis.call('INCRBY', p .. 'fence', #lines) - #lines
  for _, line in ipairs(lines) do
    local key, fields, note = whole(line)
    if key then
      token = token + 1
      local lease = string.format('%d', token)
      leases[#leases + 1], leases[#leases + 2] = line, lease
      until_[#until_ + 1], until_[#until_ + 2] = now + lease_ms, line
      local receipts = note.receipts and redis.call('LRANGE', p .. 'receipts:' .. key, 0, -1) or {}
      if note.news then
        redis.call('HDEL', p .. 'note:' .. key, 'news')
      end
      claimed[#claimed + 1] = {
        line, lease, key, fields, redis.call('LRANGE', p .. 'tries:' .. key, 0, -1), now,
        redis.call('HGETALL', p .. 'thread:' .. note.thread), receipts,
        string.find(line, '/digest', -7, true) and redis.call('HGETALL', p .. 'digest:' .. key) or {}
      }
    end
  end
  if #leases > 0 then
    redis.call('HSET', p .. 'lease', unpack(leases))
    redis.call('ZADD', p .. 'leased', unpack(until_))
  end
end
return claimed
