-- Functions for all scripts of the outbox, after those of alerts/clock.lua. Keys: see alerts/keys.py.
-- The first notification of a line: its key, or nil.
local function head(line)
  local first = redis.call('ZRANGE', p .. 'line:' .. line, 0, 0)[1]
  return first and string.match(first, '^[^|]*|(.*)$')
end

-- Put a line among those with something to do, unless it is worked on or waits (for a time, or for the digest that stands for
-- what was first in it: nothing is told before what came before it): the most urgent first, then the oldest. Those
-- that come back queue up anew (`since`), so that many which wait for one channel do not stand before all others.
local function make_ready(line, since)
  local key = head(line)
  if not key or redis.call('ZSCORE', p .. 'leased', line) or redis.call('ZSCORE', p .. 'later', line)
      or redis.call('HEXISTS', p .. 'behind', line) == 1 then
    return
  end
  local note = redis.call('HMGET', p .. 'note:' .. key, 'urgency', 'accepted_ms')
  redis.call('ZADD', p .. 'ready', tonumber(note[1] or 0) * 1e13 + (since or tonumber(note[2] or 0)), line)
  redis.call('PUBLISH', p .. 'wake:lines', '1')
end

local function is_mine(line, token)
  return redis.call('HGET', p .. 'lease', line) == token
end

local function let_go(line)
  redis.call('ZREM', p .. 'leased', line)
  redis.call('HDEL', p .. 'lease', line)
end

-- Let a receipt join its notification's record. What ends the waiting for it wakes the line: that the message was delivered, always
-- (also when a lower tier is at work meanwhile); that it failed, only while it is waited for: `progress` names the id then.
-- Returns false when there is no such notification (any more).
local function keep_receipt(key, id, outcome, receipt)
  local note = p .. 'note:' .. key
  local known = redis.call('HMGET', note, 'status', 'line', 'progress')
  if not known[1] then
    return false
  end
  redis.call('RPUSH', p .. 'receipts:' .. key, receipt)
  redis.call('HINCRBY', note, 'receipts', 1)
  if known[1] ~= 'pending' then
    redis.call('PEXPIRE', p .. 'receipts:' .. key, math.max(1, redis.call('PTTL', note)))
  elseif outcome == 'delivered' or outcome == 'failed' and string.find(known[3] or '', '"' .. id .. '"', 1, true) then
    redis.call('HSET', note, 'news', '1') -- for whoever has the lease now: there is more to look at
    if redis.call('ZREM', p .. 'later', known[2]) == 1 then
      make_ready(known[2], now)
    end
  end
  return true
end

-- Keep a try, and what receipts may come for it. What was sent was sent, whoever holds the lease by now.
-- `linked`: '', or JSON: {{recipient, what the far side calls the message}, ...}; `first`: where in ARGV the pairs of channel|recipient
-- and what the far side calls the message begin. Returns whether one of the messages is at its end already.
local function keep_try(key, try, thread, retention, linked, first)
  redis.call('RPUSH', p .. 'tries:' .. key, try)
  for i = first, #ARGV, 2 do -- the first message of the thread is the one that others update or answer
    redis.call('HSETNX', p .. 'thread:' .. thread, ARGV[i], ARGV[i + 1])
    redis.call('PEXPIRE', p .. 'thread:' .. thread, retention)
  end
  local ended = false
  for _, one in ipairs(linked ~= '' and cjson.decode(linked) or {}) do
    local recipient, id = one[1], one[2]
    redis.call('HSET', p .. 'told_last', recipient, key)
    if id ~= '' then
      local mine = p .. 'receipt:' .. id
      local early = redis.call('HSETNX', mine, 'key', key) == 1
      redis.call('PEXPIRE', mine, retention)
      local fields = redis.call('HGETALL', mine)
      for i = 1, #fields, 2 do
        local outcome, receipt = string.match(fields[i + 1], '^(%l+)|(.*)$')
        if outcome and string.sub(fields[i], 1, 5) == 'said:' then
          if early then -- it was quicker than this record
            keep_receipt(key, id, outcome, receipt)
          end
          ended = ended or outcome ~= 'accepted'
        end
      end
    end
  end
  return ended
end

-- Let the lines go on that waited for a digest. Those that have gone into another since wait for that.
local function free_behind(key)
  for _, one in ipairs(redis.call('SMEMBERS', p .. 'behind:' .. key)) do
    if redis.call('HGET', p .. 'behind', one) == key then
      redis.call('HDEL', p .. 'behind', one)
      make_ready(one)
    end
  end
  redis.call('DEL', p .. 'behind:' .. key)
end

-- End a notification: it leaves its line. Returns false when it was done already.
local function finish(line, key, status, text, retention)
  local note = p .. 'note:' .. key
  local known = redis.call('HMGET', note, 'status', 'order', 'receiver', 'receipts')
  if known[1] ~= 'pending' then
    return false
  end
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
  if string.find(line, '/digest', -7, true) then
    free_behind(key)
  end
  return true
end
