-- Keep what somebody says of an alert, and wake its groups: one step, once per id of the response.
-- ARGV: prefix, fingerprint, id, kind, when it was said in ms, response (JSON), when it lapses in ms or '', beginning of the
--       episode that is meant in us or '', what to answer when the alert has resolved ('resolved', or '' to take it all the same),
--       bounds in seconds, ascending, between commas: how long first acknowledgements take is counted by them
-- Returns {result, number, episode in us, response (JSON), current change (JSON)}.
local p, fp, id, kind, at_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local response, until_ms, meant, when_resolved = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local alert, mine = p .. 'alert:' .. fp, p .. 'responses:' .. fp

local current, status = unpack(redis.call('HMGET', alert, 'current', 'status'))
if not current then
  return {'unknown', '0', '0', '', ''}
end
local known = redis.call('HGET', mine, 'id:' .. id)
if known then
  local before = redis.call('HGET', mine, 'said:' .. known)
  return {'repeated', known, string.match(before, '^[^|]*'), string.match(before, '|(.*)$'), current}
end
-- In JSON text no string can hold this: its quotes would be escaped, and a label's value is no number.
local episode = string.match(current, '"starts_at_us":(%-?%d+)')
if meant ~= '' and meant ~= episode then
  return {'another_episode', '0', episode, '', current}
end
if status ~= 'firing' and when_resolved ~= '' then
  return {when_resolved, '0', episode, '', current}
end
local acknowledged = 'acknowledged:' .. episode
if kind == 'unacknowledge' and redis.call('HEXISTS', mine, acknowledged) == 0 then
  return {'not_acknowledged', '0', episode, '', current}
end

local number = redis.call('HINCRBY', mine, 'count', 1)
redis.call('HSET', mine, 'id:' .. id, number, 'said:' .. number, episode .. '|' .. response)
local lapsing = p .. 'acked:until'
local clock = redis.call('TIME')
local clock_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
if kind == 'acknowledge' then
  redis.call('HSET', mine, acknowledged, response)
  local since = tonumber(string.match(redis.call('HGET', alert, 'since') or '', '^%d+'))
  if since and redis.call('HSETNX', mine, 'first:' .. episode, number) == 1 then
    local took_ms, bucket = math.max(0, clock_ms - since), '+Inf'
    for bound in string.gmatch(ARGV[10], '[^,]+') do
      if took_ms <= tonumber(bound) * 1000 then
        bucket = bound
        break
      end
    end
    redis.call('HINCRBY', p .. 'acknowledging', bucket, 1)
    redis.call('HINCRBY', p .. 'acknowledging', 'sum_ms', string.format('%d', took_ms))
  end
  if until_ms == '' then
    redis.call('ZREM', lapsing, fp)
  else
    redis.call('ZADD', lapsing, until_ms, fp)
  end
elseif kind == 'unacknowledge' or kind == 'resolve' then
  redis.call('HDEL', mine, acknowledged)
  redis.call('ZREM', lapsing, fp)
end
if kind == 'reassign' then
  redis.call('HSET', mine, 'assigned:' .. episode, response)
end
local left = redis.call('PTTL', alert)
if left > 0 then
  redis.call('PEXPIRE', mine, left)
else
  redis.call('PERSIST', mine)
end

-- At once by the clock of the notifiers, which is that of Redis, or one that a test injects.
local now_ms = math.min(at_ms, clock_ms)
for _, group in ipairs(redis.call('SMEMBERS', p .. 'groups_of:' .. fp)) do
  redis.call('ZADD', p .. 'groups:due', 'LT', string.format('%.0f', now_ms), group)
end
redis.call('PUBLISH', p .. 'wake', 'response')
redis.call('XADD', p .. 'log', 'MAXLEN', '~', 50000, '*', 'answer', fp)
return {'done', tostring(number), episode, response, current}
