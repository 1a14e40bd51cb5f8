-- Functions for all scripts of the outbox. Keys: see alerts/keys.py. `p` is the prefix.
local p = ARGV[1]
local now = tonumber(ARGV[2])
if now == nil then -- no clock injected: the clock of Redis, the same for all notifiers
  local clock = redis.call('TIME')
  now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
end

-- The clock may be set back. What waits for a time is moved back with it, or it would wait as much longer; so are the leases
-- of notifiers that die. The time is written down only while there is something to do, and once a second at most.
local seen = tonumber(redis.call('GET', p .. 'clock'))
local set_back = seen and now < seen - 2000
if set_back then
  for _, set in ipairs({'leased', 'later'}) do
    local entries = redis.call('ZRANGE', p .. set, 0, -1, 'WITHSCORES')
    for i = 1, #entries, 2 do
      redis.call('ZADD', p .. set, tonumber(entries[i + 1]) - (seen - now), entries[i])
    end
  end
end
if set_back or ((not seen or now > seen + 1000)
    and redis.call('EXISTS', p .. 'ready', p .. 'leased', p .. 'later') > 0) then
  redis.call('SET', p .. 'clock', now)
end

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
  end
end

local function is_mine(line, token)
  return redis.call('HGET', p .. 'lease', line) == token
end

local function let_go(line)
  redis.call('ZREM', p .. 'leased', line)
  redis.call('HDEL', p .. 'lease', line)
end
