-- Functions for all scripts of the outbox, after those of alerts/clock.lua. Keys: see alerts/keys.py.
-- The first notification of a line: its key, or nil.
local function head(line)
  local first = redis.call('ZRANGE', p .. 'line:' .. line, 0, 0)[1]
  return first and string.match(first, '^[^|]*|(.*)$')
end

-- Put a line among those with something to do, unless it is worked on or waits: the most urgent first, then the oldest. Those
-- that come back queue up anew (`since`), so that many which wait for one channel do not stand before all others.
local function make_ready(line, since)
  if redis.call('ZSCORE', p .. 'leased', line) or redis.call('ZSCORE', p .. 'later', line) then
    return
  end
  local key = head(line)
  if key then
    local note = redis.call('HMGET', p .. 'note:' .. key, 'urgency', 'accepted_ms')
    redis.call('ZADD', p .. 'ready', tonumber(note[1] or 0) * 1e13 + (since or tonumber(note[2] or 0)), line)
    redis.call('PUBLISH', p .. 'wake', '1')
  end
end

local function is_mine(line, token)
  return redis.call('HGET', p .. 'lease', line) == token
end

local function let_go(line)
  redis.call('ZREM', p .. 'leased', line)
  redis.call('HDEL', p .. 'lease', line)
end
