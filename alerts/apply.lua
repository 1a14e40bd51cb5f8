-- Apply one alert change: state, history and what is to be routed in one atomic step; once per change id.
-- KEYS: none beyond the prefix (one Redis, not a cluster: the names depend on the data).
-- ARGV: prefix, change id, fingerprint, episode, order key, status ('closed' when a person resolves it), change (JSON), event
--       time in ms, retention in ms, retention of applied ids in ms
-- Returns 1 when applied, 0 when it had been applied before.
local p, id, fp, episode, order, status, change = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local at_ms, retention, applied_retention = tonumber(ARGV[8]), ARGV[9], ARGV[10]

local applied = p .. 'applied:' .. id
if redis.call('EXISTS', applied) == 1 then
  return 0
end
local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- The newest change of each episode. Of the episodes, one that fires counts before one that does not, then the later one:
-- a breach that moves to an earlier time retracts the later episode while the earlier one fires. An episode that a person has
-- closed stays closed, whatever its detector says of it before or after.
local episodes = p .. 'episodes:' .. fp
local all = redis.call('HGETALL', episodes)
local is_new, place = #all == 0, #all + 1
for i = 1, #all, 2 do
  if all[i] == episode then
    place = i
  end
end
local known_order, known_status = string.match(all[place + 1] or '', '^([^|]*)|([^|]*)')
if status == 'closed' or not known_order or (known_status ~= 'closed' and known_order < order) then
  all[place], all[place + 1] = episode, order .. '|' .. status .. '|' .. change
  redis.call('HSET', episodes, episode, all[place + 1])
end
local best, best_value, best_fires, oldest_quiet, quiet = nil, nil, false, nil, 0
for i = 1, #all, 2 do
  local value = all[i + 1]
  local fires = string.match(value, '^[^|]*|([^|]*)') == 'firing'
  if best == nil or (fires and not best_fires) or (fires == best_fires and all[i] > best) then
    best, best_value, best_fires = all[i], value, fires
  end
  if not fires then
    quiet = quiet + 1
    if oldest_quiet == nil or all[i] < oldest_quiet then
      oldest_quiet = all[i]
    end
  end
end
if quiet > 32 and oldest_quiet ~= best then
  redis.call('HDEL', episodes, oldest_quiet)
end

local alert = p .. 'alert:' .. fp
local history = p .. 'history:' .. fp
local keys = {p .. 'notes:' .. fp, p .. 'accounts:' .. fp, p .. 'responses:' .. fp, alert, history, episodes}
local best_status = best_fires and 'firing' or 'resolved'
local text = string.match(best_value, '^[^|]*|[^|]*|(.*)$')
local fields = {'current', text, 'status', best_status, 'order', string.match(best_value, '^[^|]*'),
  'changes', redis.call('RPUSH', history, change)}

-- The change is to be routed: in the order of arrival.
redis.call('HSET', p .. 'unrouted', id, string.format('%d|', now_ms) .. change)
redis.call('RPUSH', p .. 'unrouted:order', id)
redis.call('ZADD', p .. 'pending', now_ms, 'change-' .. id)
redis.call('PUBLISH', p .. 'wake', '1')
-- Screens follow this log.
local seq = redis.call('XADD', p .. 'log', 'MAXLEN', '~', 50000, '*', 'alert', fp)

local firing, resolved = p .. 'alerts:firing', p .. 'alerts:resolved'
if best_fires then
  if redis.call('ZADD', firing, at_ms, fp) == 1 then
    redis.call('INCR', p .. 'alerts:version')
    fields[9], fields[10] = 'since', seq
    redis.call('ZREM', resolved, fp)
    -- What fired before has nothing that expires. Of what was gone, others may have left something.
    if not is_new or redis.call('EXISTS', keys[1], keys[2], keys[3]) > 0 then
      for _, name in ipairs(keys) do
        redis.call('PERSIST', name)
      end
    end
  end
  redis.call('HSET', alert, unpack(fields))
else
  redis.call('HSET', alert, unpack(fields))
  if redis.call('ZREM', firing, fp) == 1 then
    redis.call('INCR', p .. 'alerts:version')
  end
  redis.call('ZADD', resolved, now_ms, fp)
  for _, name in ipairs(keys) do
    redis.call('PEXPIRE', name, retention)
  end
  -- Names of alerts whose keys have expired leave the index, a few at a time.
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', resolved, '-inf', now_ms - tonumber(retention), 'LIMIT', 0, 4)) do
    redis.call('ZREM', resolved, gone)
  end
end
redis.call('SET', applied, '1', 'PX', applied_retention)
return 1
