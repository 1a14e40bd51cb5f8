-- The head of every script that needs the time: `p` is the prefix, `now` the time in ms.
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
  local back = seen - now
  for _, set in ipairs({'leased', 'later', 'groups:leased', 'groups:due'}) do
    local entries = redis.call('ZRANGE', p .. set, 0, -1, 'WITHSCORES')
    for i = 1, #entries, 2 do
      redis.call('ZADD', p .. set, tonumber(entries[i + 1]) - back, entries[i])
    end
  end
  for _, gk in ipairs(redis.call('SMEMBERS', p .. 'groups')) do
    for _, field in ipairs({'origin', 'tick', 'again'}) do
      local time = tonumber(redis.call('HGET', p .. 'group:' .. gk, field) or '')
      if time then
        redis.call('HSET', p .. 'group:' .. gk, field, string.format('%d', time - back))
      end
    end
    redis.call('ZADD', p .. 'groups:due', 'LT', string.format('%d', now), gk) -- what hid it may not have begun now
  end
end
if set_back or ((not seen or now > seen + 1000)
    and redis.call('EXISTS', p .. 'ready', p .. 'leased', p .. 'later', p .. 'groups:due', p .. 'groups:leased') > 0) then
  redis.call('SET', p .. 'clock', string.format('%d', now))
end

-- The first tick of a group at or after a time.
local function next_tick(origin, interval, time)
  return origin + math.max(0, math.ceil((time - origin) / interval)) * interval
end

local function tick_after(name, time)
  local fields = redis.call('HMGET', name, 'origin', 'interval')
  return next_tick(tonumber(fields[1]), tonumber(fields[2]), time)
end
