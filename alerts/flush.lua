-- What was decided about a group: its notifications, what became of its changes, when to look again. One step.
-- ARGV: prefix, now in ms or '', group, token, plan (JSON)
-- The plan: told ('' leaves it), told_ms (how long it is kept; 0: without end), origin (as it was seen), news (how many were
--   looked at), removed {{fp, order}, ...},
--   accounts {{fp, json}, ...}, settled {members of `pending`}, tick (ms; '' for none), due (ms, not for content; '' for none),
--   escalation (JSON or ''), assigned (us, as text), retention, notes {{key, receiver, line, urgency, accepted, thread, body, fps, what,
--   firing, resolved, first_ms}, ...}
-- Returns 1; 0 when the lease was lost.
local gk, token = ARGV[3], ARGV[4]
if redis.call('HGET', p .. 'groups:lease', gk) ~= token then
  return 0
end
local plan, name = cjson.decode(ARGV[5]), p .. 'group:' .. gk

local function expire_with_alert(fp, key)
  local left = redis.call('PTTL', p .. 'alert:' .. fp)
  if left > 0 then
    redis.call('PEXPIRE', key, left)
  elseif left == -2 then
    redis.call('PEXPIRE', key, plan.retention)
  end
end

if plan.told ~= '' and plan.told_ms > 0 then
  redis.call('SET', p .. 'told:' .. gk, plan.told, 'PX', plan.told_ms)
elseif plan.told ~= '' then
  redis.call('SET', p .. 'told:' .. gk, plan.told)
end
if plan.news > 0 then
  redis.call('LTRIM', p .. 'news:' .. gk, plan.news, -1)
end
local fresh = {}
if #plan.removed > 0 then
  for _, news in ipairs(redis.call('LRANGE', p .. 'news:' .. gk, 0, -1)) do
    fresh[string.match(news, '^[^|]*')] = true
  end
end
for _, one in ipairs(plan.removed) do -- unless there is news of it meanwhile, or will be
  local fp = one[1]
  if not fresh[fp] and (redis.call('HGET', p .. 'alert:' .. fp, 'order') or one[2]) == one[2] then
    redis.call('SREM', p .. 'members:' .. gk, fp)
    redis.call('SREM', p .. 'groups_of:' .. fp, gk)
  end
end
for _, one in ipairs(plan.accounts) do
  local key = p .. 'accounts:' .. one[1]
  redis.call('RPUSH', key, one[2])
  expire_with_alert(one[1], key)
end
for _, one in ipairs(plan.notes) do
  local key, note = one.key, p .. 'note:' .. one.key
  if redis.call('EXISTS', note) == 0 then
    local order = string.format('%020d', redis.call('INCR', p .. 'sequence'))
    -- The first that a receiver hears of something for a while goes before all that is as urgent, and into no digest.
    local first = one.firing > 0
      and redis.call('SET', p .. 'first:' .. one.receiver .. ':' .. one.what, '1', 'NX', 'PX', one.first_ms)
    local urgency = one.urgency * 2 + (first and 0 or 1)
    redis.call('HSET', note, 'body', one.body, 'order', order, 'urgency', urgency, 'accepted_ms', one.accepted,
      'status', 'pending', 'receiver', one.receiver, 'line', one.line, 'group', gk, 'thread', one.thread,
      'what', one.what, 'firing', one.firing, 'resolved', one.resolved, 'first', first and '1' or '')
    redis.call('ZADD', p .. 'pending', one.accepted, key)
    redis.call('ZADD', p .. 'pending:' .. one.receiver, one.accepted, key)
    redis.call('ZADD', p .. 'line:' .. one.line, 0, order .. '|' .. key)
    if not redis.call('ZSCORE', p .. 'leased', one.line) and not redis.call('ZSCORE', p .. 'later', one.line)
        and redis.call('HEXISTS', p .. 'behind', one.line) == 0 then
      redis.call('ZADD', p .. 'ready', 'LT', urgency * 1e13 + tonumber(one.accepted), one.line)
      redis.call('PUBLISH', p .. 'wake:lines', '1')
    end
    for _, fp in ipairs(one.fps) do
      redis.call('RPUSH', p .. 'notes:' .. fp, key)
      expire_with_alert(fp, p .. 'notes:' .. fp)
    end
  end
end
for _, member in ipairs(plan.settled) do
  redis.call('ZREM', p .. 'pending', member)
end
redis.call('HSET', name, 'escalation', plan.escalation, 'assigned', plan.assigned)

local waiting = redis.call('LLEN', p .. 'news:' .. gk)
if waiting == 0 and redis.call('SCARD', p .. 'members:' .. gk) == 0 then
  redis.call('DEL', name, p .. 'news:' .. gk)
  redis.call('ZREM', p .. 'groups:due', gk)
  redis.call('SREM', p .. 'groups', gk)
else
  -- The clock may have been set back since it was claimed, and the group's times with it.
  local moved = tonumber(redis.call('HGET', name, 'origin')) - plan.origin
  local tick, later = tonumber(plan.tick), tonumber(plan.due)
  tick, later = tick and tick + moved, later and later + moved
  if waiting > 0 then -- it came while this was decided
    local next = tick_after(name, now)
    tick = tick and math.min(tick, next) or next
  end
  if tick then
    redis.call('HSET', name, 'tick', string.format('%d', tick))
  else
    redis.call('HDEL', name, 'tick')
  end
  local again = tonumber(redis.call('HGET', name, 'again') or '')
  for _, due in ipairs({tick or false, later or false, again or false}) do
    if due then
      redis.call('ZADD', p .. 'groups:due', 'LT', due, gk)
    end
  end
  redis.call('HDEL', name, 'again')
end
redis.call('ZREM', p .. 'groups:leased', gk)
redis.call('HDEL', p .. 'groups:lease', gk)
return 1
