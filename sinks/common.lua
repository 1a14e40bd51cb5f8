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
  if redis.call('ZSCORE', p .. 'leased', line) or redis.call('ZSCORE', p .. 'later', line)
      or redis.call('HEXISTS', p .. 'behind', line) == 1 then
    return
  end
  local key = head(line)
  if key then
    local note = redis.call('HMGET', p .. 'note:' .. key, 'urgency', 'accepted_ms')
    redis.call('ZADD', p .. 'ready', tonumber(note[1] or 0) * 1e13 + (since or tonumber(note[2] or 0)), line)
    redis.call('PUBLISH', p .. 'wake:lines', '1')
  end
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
