-- Put notifications that wait for a receiver into one digest. The first word about something, escalations, and what may be on its
-- way are left; so is what stands behind such in its line.
-- ARGV: prefix, now in ms or '', receiver, key and body (JSON) for a new digest, how many at most, retention in ms
-- Returns how many went into it.
local receiver, key, most, retention = ARGV[3], ARGV[4], tonumber(ARGV[6]), ARGV[7]
local waiting, line = p .. 'pending:' .. receiver, receiver .. '/digest'

local open = redis.call('GET', p .. 'digest_of:' .. receiver)
if open then
  local state = redis.call('HMGET', p .. 'note:' .. open, 'status', 'sending')
  if state[1] == 'pending' and not state[2] and redis.call('EXISTS', p .. 'tries:' .. open) == 0
      and not redis.call('ZSCORE', p .. 'leased', line) then
    key = open -- nothing of it has gone out: it takes more
  else
    open = nil
  end
end

local taken, oldest, urgency = 0, nil, nil
for _, one in ipairs(redis.call('ZRANGE', waiting, 0, most * 4)) do
  if taken >= most then
    break
  end
  local note = p .. 'note:' .. one
  local f = redis.call('HMGET', note, 'line', 'order', 'sending', 'first', 'what', 'firing', 'resolved', 'accepted_ms',
    'urgency', 'body', 'progress')
  if f[1] and f[1] ~= line and not f[3] and f[4] == '' and not redis.call('ZSCORE', p .. 'leased', f[1])
      and head(f[1]) == one and not string.find(f[10], '^{"kind":"escalation"')
      and not (f[11] and (string.find(f[11], '"ambiguous":"[^"]') or string.find(f[11], '"awaiting":{"', 1, true))) then
    redis.call('ZREM', p .. 'line:' .. f[1], f[2] .. '|' .. one)
    redis.call('ZREM', p .. 'ready', f[1])
    redis.call('ZREM', p .. 'later', f[1])
    redis.call('HSET', p .. 'behind', f[1], key) -- what follows in that line waits for the digest
    redis.call('SADD', p .. 'behind:' .. key, f[1])
    redis.call('HSET', note, 'status', 'digested', 'done_ms', now, 'note', 'in the digest ' .. key)
    redis.call('PEXPIRE', note, retention)
    redis.call('PEXPIRE', p .. 'tries:' .. one, retention)
    redis.call('ZREM', waiting, one)
    redis.call('ZREM', p .. 'pending', one)
    redis.call('ZREM', p .. 'undelivered', one)
    redis.call('HINCRBY', p .. 'digest:' .. key, 'notifications', 1)
    redis.call('HINCRBY', p .. 'digest:' .. key, 'firing|' .. f[5], f[6])
    redis.call('HINCRBY', p .. 'digest:' .. key, 'resolved|' .. f[5], f[7])
    if redis.call('HLEN', p .. 'digest:' .. key) < 64 and redis.call('HEXISTS', p .. 'digest:' .. key, 'like|' .. f[5]) == 0 then
      redis.call('HSET', p .. 'digest:' .. key, 'like|' .. f[5], f[10]) -- one to show of each kind
    end
    redis.call('RPUSH', p .. 'absorbed:' .. key, one)
    taken = taken + 1
    oldest = math.min(oldest or math.huge, tonumber(f[8]))
    urgency = math.min(urgency or 7, tonumber(f[9]))
  end
end
if taken == 0 then
  return 0
end
redis.call('PEXPIRE', p .. 'digest:' .. key, retention)
redis.call('PEXPIRE', p .. 'absorbed:' .. key, retention)
if not open then
  local order = string.format('%020d', redis.call('INCR', p .. 'sequence'))
  redis.call('HSET', p .. 'note:' .. key, 'body', ARGV[5], 'order', order, 'urgency', urgency, 'accepted_ms', oldest,
    'status', 'pending', 'receiver', receiver, 'line', line, 'group', '', 'thread', key, 'first', '1')
  redis.call('ZADD', p .. 'pending', oldest, key)
  redis.call('ZADD', waiting, oldest, key)
  redis.call('ZADD', p .. 'line:' .. line, 0, order .. '|' .. key)
  redis.call('SET', p .. 'digest_of:' .. receiver, key, 'PX', retention)
end
make_ready(line)
return taken
