-- Put an alert's episode into its incident: the one it is in, else one that it belongs to, else a new one. One step.
-- ARGV: prefix, the alert (JSON): fp, episode, order, status ('firing', 'resolved' or 'closed'), undone, from, at, to (ms;
--       to is false while it fires), one, wide {{label, value}, ...}, customer, about (JSON), feed, silence, severity, name, says,
--       member (JSON), window, retention (ms)
-- Returns the number of the incident.
local p, a = ARGV[1], cjson.decode(ARGV[2])
local FOREVER = '+inf'
local LOOKED_AT = 100 -- of incidents that share a label, the newest

local function text(number)
  return string.format('%.0f', number)
end

local function key(number, part)
  return p .. 'incident:' .. number .. (part and ':' .. part or '')
end

local function near(kind, label, value)
  return p .. 'incidents:near:' .. kind .. ':' .. label .. '=' .. value
end

-- An incident that is near enough in time, or nil. What has expired leaves the index.
local function in_time(number, index)
  local f = redis.call('HMGET', key(number), 'first', 'last', 'core_firing', 'wide')
  if not f[1] then
    redis.call('ZREM', index, number)
    return nil
  end
  local last = tonumber(f[3]) > 0 and math.huge or tonumber(f[2])
  if a.from > last + a.window or (a.to or math.huge) < tonumber(f[1]) - a.window then
    return nil
  end
  return {number = tonumber(number), first = tonumber(f[1]), wide = cjson.decode(f[4])}
end

-- On how many labels two agree; nil when they differ in one that both have. Then the place of the first.
local function agree(wide)
  local mine, count, first = {}, 0, nil
  for place, pair in ipairs(a.wide) do
    mine[pair[1]] = {pair[2], place}
  end
  for _, pair in ipairs(wide) do
    local own = mine[pair[1]]
    if own and own[1] ~= pair[2] then
      return nil
    elseif own then
      count, first = count + 1, math.min(first or own[2], own[2])
    end
  end
  return count > 0 and count or nil, first
end

local function candidates(kind, pairs_)
  local found, seen = {}, {}
  for _, pair in ipairs(pairs_) do
    local index = near(kind, pair[1], pair[2])
    for _, number in ipairs(redis.call('ZREVRANGEBYSCORE', index, FOREVER, text(a.from - a.window), 'LIMIT', 0, LOOKED_AT)) do
      if not seen[number] then
        seen[number] = true
        local one = in_time(number, index)
        if one then
          one.agreed, one.place = agree(one.wide)
          table.insert(found, one)
        end
      end
    end
  end
  return found
end

local function link(one, other)
  if one ~= other then
    redis.call('SADD', key(one, 'linked'), other)
    redis.call('SADD', key(other, 'linked'), one)
  end
end

local function before(x, y) -- the most specific, then the one that agrees most, then the oldest
  if x.rank ~= y.rank then return x.rank < y.rank end
  if x.agreed ~= y.agreed then return (x.agreed or 0) > (y.agreed or 0) end
  if x.first ~= y.first then return x.first < y.first end
  return x.number < y.number
end

local function open_one()
  local number = redis.call('INCR', p .. 'incidents:count')
  local indexes = {}
  local kind = a.one ~= '' and 'one' or 'wide'
  for _, pair in ipairs(a.wide) do
    table.insert(indexes, near(kind, pair[1], pair[2]))
  end
  if a.one ~= '' then
    table.insert(indexes, near('same', 'as', a.one))
  end
  redis.call('HSET', key(number), 'first', text(a.from), 'last', text(a.from), 'until', text(a.from), 'core_firing', 0,
    'firing', 0, 'one', a.one, 'wide', #a.wide > 0 and cjson.encode(a.wide) or '[]', 'about', a.about,
    'indexes', cjson.encode(indexes))
  if kind == 'wide' then -- what was opened before for single customers stays, and is linked
    for _, single in ipairs(candidates('one', a.wide)) do
      if single.agreed then
        link(number, single.number)
      end
    end
  end
  return number
end

local function find()
  local found = {}
  if a.one ~= '' then
    for _, one in ipairs(candidates('same', {{'as', a.one}})) do
      one.rank = 0
      table.insert(found, one)
    end
  end
  for _, one in ipairs(candidates('wide', a.wide)) do
    if one.agreed then
      one.rank = one.place
      table.insert(found, one)
    end
  end
  if #found == 0 then
    return open_one()
  end
  table.sort(found, before)
  for place = 2, #found do
    link(found[1].number, found[place].number)
  end
  return found[1].number
end

local homes, name = p .. 'incident_of:' .. a.fp, a.fp .. '|' .. a.episode
local number = redis.call('HGET', homes, a.episode)
if not number or redis.call('EXISTS', key(number)) == 0 then
  number = text(find())
  redis.call('HSET', homes, a.episode, number)
end

-- Its newest change counts; of an episode that a person has closed, that one.
local incident, members, tally = key(number), key(number, 'alerts'), key(number, 'tally')
local stored = redis.call('HGET', members, name)
local old = stored and cjson.decode(stored)
local newer = not old or a.status == 'closed' or (old.status ~= 'closed' and old.order < a.order)

local function count(hash, field, by)
  if redis.call('HINCRBY', hash, field, by) <= 0 then
    redis.call('HDEL', hash, field)
  end
end

local function add(one, by)
  if one.undone then
    return
  end
  count(tally, 'severity|' .. one.severity, by)
  count(tally, 'name|' .. one.name, by)
  if not one.silence then
    count(tally, 'feed|' .. one.feed, by)
  end
  for _, pair in ipairs(one.wide) do
    count(tally, 'touched|' .. pair[1] .. '=' .. pair[2], by)
  end
  if one.customer ~= '' then
    count(key(number, 'customers'), one.customer, by)
  end
  redis.call('HINCRBY', incident, 'alerts', by)
  if one.status == 'firing' then
    redis.call('HINCRBY', incident, 'firing', by)
    if one.core then
      redis.call('HINCRBY', incident, 'core_firing', by)
    end
    if not one.silence then
      count(tally, 'firing|' .. one.feed, by)
    end
  end
end

if newer then
  local now = {order = a.order, status = a.status, undone = a.undone, severity = a.severity, name = a.name, feed = a.feed,
    silence = a.silence, wide = a.wide, customer = a.customer, says = a.says,
    member = a.member}
  if old then
    add(old, -1)
    if now.customer == '' then -- a correction may not repeat whom it is about
      now.customer = old.customer
    end
  end
  -- Alerts about single customers belong to a wide incident, and do not keep it from coming to an end for others.
  now.core = a.one == '' or redis.call('HGET', incident, 'one') == a.one
  add(now, 1)
  redis.call('HSET', members, name, cjson.encode(now))
end
local core = a.one == '' or redis.call('HGET', incident, 'one') == a.one
local f = redis.call('HMGET', incident, 'first', 'last', 'until')
local reaches = math.max(a.from, a.to or a.at)
redis.call('HSET', incident, 'until', text(math.max(tonumber(f[3]), reaches)))
if core then
  redis.call('HSET', incident, 'first', text(math.min(tonumber(f[1]), a.from)), 'last', text(math.max(tonumber(f[2]), reaches)))
end
-- What a feed says is what its newest alert says. When that turns out never to have been, the next newest is looked for.
if newer and not a.silence then
  local says, said = key(number, 'says'), redis.call('HGET', key(number, 'says'), a.feed)
  local order = said and string.match(said, '^[^|]*')
  if not a.undone and (not order or order < a.order) then
    redis.call('HSET', says, a.feed, a.order .. '|' .. a.says)
  elseif a.undone and old and order == old.order then
    local best
    for _, other in ipairs(redis.call('HVALS', members)) do
      local one = cjson.decode(other)
      if one.feed == a.feed and not one.silence and not one.undone and (not best or best.order < one.order) then
        best = one
      end
    end
    if best then
      redis.call('HSET', says, a.feed, best.order .. '|' .. best.says)
    else
      redis.call('HDEL', says, a.feed)
    end
  end
end

if a.silence and newer then
  local silent, till = p .. 'incidents:silent', p .. 'incidents:silent:until'
  if a.undone then
    redis.call('HDEL', silent, name)
    redis.call('ZREM', till, name)
  else
    redis.call('HSET', silent, name, a.member)
    redis.call('ZADD', till, a.to and text(a.to) or FOREVER, name)
  end
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', till, '-inf', text(a.from - a.retention), 'LIMIT', 0, 16)) do
    redis.call('HDEL', silent, gone)
    redis.call('ZREM', till, gone)
  end
end

-- How long it is kept, and how it is found: as long as something fires without end, then as long as resolved alerts.
local firing, core_firing = unpack(redis.call('HMGET', incident, 'firing', 'core_firing'))
local last = redis.call('HGET', incident, 'last')
for _, part in ipairs({'', ':alerts', ':tally', ':says', ':customers', ':linked'}) do
  if tonumber(firing) > 0 then
    redis.call('PERSIST', incident .. part)
  else
    redis.call('PEXPIRE', incident .. part, a.retention)
  end
end
if a.status == 'firing' then
  redis.call('PERSIST', homes)
else
  redis.call('PEXPIRE', homes, a.retention)
end
for _, index in ipairs(cjson.decode(redis.call('HGET', incident, 'indexes'))) do
  redis.call('ZADD', index, tonumber(core_firing) > 0 and FOREVER or last, number)
  if redis.call('ZCOUNT', index, FOREVER, FOREVER) > 0 then
    redis.call('PERSIST', index)
  else
    redis.call('PEXPIRE', index, a.retention)
  end
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', p .. 'incidents', '-inf', text(a.from - a.retention), 'LIMIT', 0, 4)) do
  if redis.call('EXISTS', key(gone)) == 0 then
    redis.call('ZREM', p .. 'incidents', gone)
  end
end
redis.call('ZADD', p .. 'incidents', tonumber(firing) > 0 and FOREVER or redis.call('HGET', incident, 'until'), number)
return tonumber(number)
