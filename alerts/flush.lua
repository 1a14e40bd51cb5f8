-- What was decided about a group: its notifications, what became of its changes, when to look again. One step.
-- ARGV: prefix, now in ms or '', group, token, plan (JSON), told ('' leaves it), then the texts of the accounts and of the
--   notifications, in their order
-- The plan: told_ms (how long what was told is kept; 0: without end), origin (as it was seen), news (how many were looked at),
--   members (how many there were), removed {{fp, order}, ...},
--   accounts {fp, ...}, settled {members of `pending`}, tick (ms; '' for none), due (ms, not for content; '' for none),
--   fields {what is new of the group, each followed by its value}, retention,
--   notes {{key, receiver, line, urgency, accepted, thread, fps, what, firing, resolved, first_ms}, ...}
-- Returns 1; 0 when the lease was lost.
local gk, token = ARGV[3], ARGV[4]
if redis.call('HGET', p .. 'groups:lease', gk) ~= token then
  return 0
end
local plan, name = cjson.decode(ARGV[5]), p .. 'group:' .. gk
local accounts, bodies = 6, 6 + #plan.accounts -- the places before the first

local lives = {} -- how long alerts are kept
local function expire_with_alert(fp, key)
  local left = lives[fp] or redis.call('PTTL', p .. 'alert:' .. fp)
  lives[fp] = left
  if left > 0 then
    redis.call('PEXPIRE', key, left)
  elseif left == -2 then
    redis.call('PEXPIRE', key, plan.retention)
  end
end

if ARGV[6] ~= '' and plan.told_ms > 0 then
  redis.call('SET', p .. 'told:' .. gk, ARGV[6], 'PX', plan.told_ms)
elseif ARGV[6] ~= '' then
  redis.call('SET', p .. 'told:' .. gk, ARGV[6])
end
local news = p .. 'news:' .. gk
local waiting = redis.call('LLEN', news) - plan.news
if waiting <= 0 then
  redis.call('DEL', news)
elseif plan.news > 0 then
  redis.call('LTRIM', news, plan.news, -1)
end
if #plan.removed > 0 then
  local fresh = {}
  if waiting > 0 then
    for _, one in ipairs(redis.call('LRANGE', news, 0, -1)) do
      fresh[string.match(one, '^[^|]*')] = true
    end
  end
  for _, one in ipairs(plan.removed) do -- unless there is news of it meanwhile, or will be
    local fp = one[1]
    if not fresh[fp] and (redis.call('HGET', p .. 'alert:' .. fp, 'order') or one[2]) == one[2] then
      redis.call('SREM', p .. 'members:' .. gk, fp)
      redis.call('SREM', p .. 'groups_of:' .. fp, gk)
    end
  end
end
for place, fp in ipairs(plan.accounts) do
  local key = p .. 'accounts:' .. fp
  redis.call('RPUSH', key, ARGV[accounts + place])
  expire_with_alert(fp, key)
end
local woken = false
for place, one in ipairs(plan.notes) do
  local key, note = one.key, p .. 'note:' .. one.key
  if redis.call('EXISTS', note) == 0 then
    local order = string.format('%020d', redis.call('INCR', p .. 'sequence'))
    -- The first that a receiver hears of something for a while goes before all that is as urgent, and into no digest.
    local first = one.firing > 0
      and redis.call('SET', p .. 'first:' .. one.receiver .. ':' .. one.what, '1', 'NX', 'PX', one.first_ms)
    local urgency = one.urgency * 2 + (first and 0 or 1)
    redis.call('HSET', note, 'body', ARGV[bodies + place], 'order', order, 'urgency', urgency, 'accepted_ms', one.accepted,
      'status', 'pending', 'receiver', one.receiver, 'line', one.line, 'group', gk, 'thread', one.thread,
      'what', one.what, 'firing', one.firing, 'resolved', one.resolved, 'first', first and '1' or '')
    redis.call('ZADD', p .. 'pending', one.accepted, key)
    redis.call('ZADD', p .. 'pending:' .. one.receiver, one.accepted, key)
    redis.call('ZADD', p .. 'line:' .. one.line, 0, order .. '|' .. key)
    if not redis.call('ZSCORE', p .. 'leased', one.line) and not redis.call('ZSCORE', p .. 'later', one.line)
        and redis.call('HEXISTS', p .. 'behind', one.line) == 0 then
      redis.call('ZADD', p .. 'ready', 'LT', urgency * 1e13 + tonumber(one.accepted), one.line)
      woken = true
    end
    for _, fp in ipairs(one.fps) do
      redis.call('RPUSH', p .. 'notes:' .. fp, key)
      expire_with_alert(fp, p .. 'notes:' .. fp)
    end
  end
end
if woken then
  redis.call('PUBLISH', p .. 'wake:lines', '1')
end
for first = 1, #plan.settled, 1000 do
  redis.call('ZREM', p .. 'pending', unpack(plan.settled, first, math.min(first + 999, #plan.settled)))
end

-- Members leave only under the lease; who comes brings news.
local is_left = waiting > 0 or plan.members > #plan.removed or redis.call('SCARD', p .. 'members:' .. gk) > 0
if is_left then
  local known = redis.call('HMGET', name, 'origin', 'interval', 'tick', 'again')
  local origin, interval, again = tonumber(known[1]), tonumber(known[2]), tonumber(known[4])
  -- The clock may have been set back since it was claimed, and the group's times with it.
  local moved = origin - plan.origin
  local tick, later = tonumber(plan.tick), tonumber(plan.due)
  tick, later = tick and tick + moved, later and later + moved
  if waiting > 0 then -- it came while this was decided
    local next = next_tick(origin, interval, now)
    tick = tick and math.min(tick, next) or next
  end
  local fields = plan.fields
  if tick then
    fields[#fields + 1], fields[#fields + 2] = 'tick', string.format('%d', tick)
  elseif known[3] then
    redis.call('HDEL', name, 'tick')
  end
  if #fields > 0 then
    redis.call('HSET', name, unpack(fields))
  end
  local due
  for _, one in ipairs({tick or false, later or false, again or false}) do
    if one and (not due or one < due) then
      due = one
    end
  end
  if due then
    redis.call('ZADD', p .. 'groups:due', 'LT', due, gk)
  end
  if again then
    redis.call('HDEL', name, 'again')
  end
else
  redis.call('DEL', name)
  redis.call('ZREM', p .. 'groups:due', gk)
  redis.call('SREM', p .. 'groups', gk)
end
redis.call('ZREM', p .. 'groups:leased', gk)
redis.call('HDEL', p .. 'groups:lease', gk)
return 1
