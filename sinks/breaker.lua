-- The circuit breaker of a channel, which all notifiers share: what it is, and what one of them has learnt about it.
-- ARGV: prefix, now in ms or '', channel, what (look, enter, failed, worked, nothing), failures that open it, for how long it
--       stays open in ms, how long a probe may take in ms, token of who asks
-- Returns {failures in a row, 1 when it is open, ms until it may be probed, 1 when the caller is to probe}.
local what, limit, open_ms, probe_ms, token = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local name = p .. 'breaker:' .. ARGV[3]

if what == 'worked' then
  redis.call('DEL', name)
  return {0, 0, 0, 0}
end
local found = redis.call('HMGET', name, 'failures', 'opened', 'probe', 'probe_until')
local failures, opened = tonumber(found[1] or 0), tonumber(found[2] or '')
local probe, probe_until = found[3], tonumber(found[4] or 0)
if opened and opened > now then -- the clock was set back
  opened = now
  redis.call('HSET', name, 'opened', now)
end
if what == 'failed' then
  failures = redis.call('HINCRBY', name, 'failures', 1)
  if failures >= limit or opened then
    opened = now
    redis.call('HSET', name, 'opened', now)
    redis.call('HDEL', name, 'probe', 'probe_until')
    probe = false
  end
  -- Of a channel that nobody uses any more nothing is to stay.
  redis.call('PEXPIRE', name, math.max(86400000, open_ms * 2))
elseif what == 'nothing' and probe == token then
  redis.call('HDEL', name, 'probe', 'probe_until')
  probe = false
end
if not opened then
  return {failures, 0, 0, 0}
end
local left = math.max(0, opened + open_ms - now)
if what == 'enter' and left == 0 and (not probe or probe_until <= now or probe_until > now + probe_ms) then
  redis.call('HSET', name, 'probe', token, 'probe_until', string.format('%d', now + probe_ms))
  return {failures, 1, 0, 1}
end
return {failures, 1, left, 0}
