-- Put an alert's episode into its incident: the one it is in, else one that it belongs to, else a new one. One step, whose cost does
-- not grow with the incident (but with the logarithm of its size).
-- ARGV: prefix, the alert (JSON): fp, episode, order, status ('firing', 'resolved' or 'closed'), undone, from, at, to (ms;
--       to is false while it fires), one, wide {{label, value}, ...}, customer, about (JSON), feed, silence, severity, name, says,
--       window, retention (ms); then what is kept of it for readers (JSON)
-- Returns the number of the incident.
local p, a, member = ARGV[1], cjson.decode(ARGV[2]), ARGV[3]
local FOREVER = '+inf'
local LOOKED_AT = 100 -- of incidents that share a label, the newest
local PARTS = {'', ':alerts', ':order', ':tally', ':says', ':customers', ':linked'}

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
    local left = redis.call('PTTL', key(other))
    if left > 0 then
      redis.call('PEXPIRE', key(other, 'linked'), left)
    end
  end
end

local function before(x, y) -- the most specific, then the one that agrees most, then the oldest
  if x.rank ~= y.rank then return x.rank < y.rank end
  if x.agreed ~= y.agreed then return (x.agreed or 0) > (y.agreed or 0) end
  if x.first ~= y.first then return x.first < y.first end
  return x.number < y.number
end

-- Return the number of an incident that it belongs to; of a new one, also its fields, which are not written yet.
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
  if #found > 0 then
    table.sort(found, before)
    for place = 2, #found do
      link(found[1].number, found[place].number)
    end
    return found[1].number
  end
  local number = redis.call('INCR', p .. 'incidents:count')
  local indexes = {}
  local kind = a.one ~= '' and 'one' or 'wide'
  for _, pair in ipairs(a.wide) do
    table.insert(indexes, near(kind, pair[1], pair[2]))
  end
  if a.one ~= '' then
    table.insert(indexes, near('same', 'as', a.one))
  end
  if kind == 'wide' then -- what was opened before for single customers stays, and is linked
    for _, single in ipairs(candidates('one', a.wide)) do
      if single.agreed then
        link(number, single.number)
      end
    end
  end
  return number, {first = a.from, last = a.from, ['until'] = a.from, core_firing = 0, firing = 0, alerts = 0, one = a.one,
    wide = #a.wide > 0 and cjson.encode(a.wide) or '[]', about = a.about, indexes = cjson.encode(indexes), new = true}
end

-- What is kept of an incident, or nil.
local function kept(number)
  local f = redis.call('HMGET', key(number), 'first', 'last', 'until', 'core_firing', 'firing', 'alerts', 'one', 'indexes')
  return f[1] and {first = tonumber(f[1]), last = tonumber(f[2]), ['until'] = tonumber(f[3]), core_firing = tonumber(f[4]),
    firing = tonumber(f[5]), alerts = tonumber(f[6] or 0), one = f[7], indexes = f[8]}
end

local homes, name = p .. 'incident_of:' .. a.fp, a.fp .. '|' .. a.episode
local number = redis.call('HGET', homes, a.episode)
local was = number and kept(number)
if not was then
  number, was = find()
  was = was or kept(number)
  number = text(number)
  redis.call('HSET', homes, a.episode, number)
end
local now = {first = was.first, last = was.last, ['until'] = was['until'], core_firing = was.core_firing, firing = was.firing,
  alerts = was.alerts}

-- Its newest change counts; of an episode that a person has closed, that one.
local incident, members, tally, order = key(number), key(number, 'alerts'), key(number, 'tally'), key(number, 'order')
-- An alert is kept as what this script needs of it, and behind that, on a line of its own, what readers do.
local function head(stored)
  return stored and cjson.decode(string.match(stored, '^[^\n]*'))
end

local old = not was.new and head(redis.call('HGET', members, name))
local newer = not old or a.status == 'closed' or (old.status ~= 'closed' and old.order < a.order)
-- Alerts about single customers belong to a wide incident, and do not keep it from coming to an end for others.
local core = a.one == '' or was.one == a.one

local counts, customers = {}, {}
local function add(one, by)
  if one.undone then
    return
  end
  local function count(field)
    counts[field] = (counts[field] or 0) + by
  end
  count('severity|' .. one.severity)
  count('name|' .. one.name)
  if not one.silence then
    count('feed|' .. one.feed)
  end
  for _, pair in ipairs(one.wide) do
    count('touched|' .. pair[1] .. '=' .. pair[2])
  end
  if one.customer ~= '' then
    customers[one.customer] = (customers[one.customer] or 0) + by
  end
  now.alerts = now.alerts + by
  if one.status == 'firing' then
    now.firing = now.firing + by
    if one.core then
      now.core_firing = now.core_firing + by
    end
    if not one.silence then
      count('firing|' .. one.feed)
    end
  end
end

local function write(hash, changed)
  local fresh = {}
  for field, by in pairs(changed) do
    if was.new then
      fresh[#fresh + 1], fresh[#fresh + 2] = field, by
    elseif by ~= 0 and redis.call('HINCRBY', hash, field, by) <= 0 then
      redis.call('HDEL', hash, field)
    end
  end
  if #fresh > 0 then
    redis.call('HSET', hash, unpack(fresh))
  end
end

-- Of each feed, what is evidence, by its order: the newest is what it says.
local function place_of(one)
  return not one.undone and not one.silence and one.feed .. '\0' .. one.order .. '|' .. name
end

if newer then
  local one = {order = a.order, status = a.status, undone = a.undone, severity = a.severity, name = a.name, feed = a.feed,
    silence = a.silence, wide = a.wide, customer = a.customer, says = a.says, core = core}
  if old then
    add(old, -1)
    if one.customer == '' then -- a correction may not repeat whom it is about
      one.customer = old.customer
    end
    local place = place_of(old)
    if place then
      redis.call('ZREM', order, place)
    end
  end
  add(one, 1)
  write(tally, counts)
  write(key(number, 'customers'), customers)
  redis.call('HSET', members, name, cjson.encode(one) .. '\n' .. member)
  local place = place_of(one)
  if place then
    redis.call('ZADD', order, 0, place)
  end
end
local reaches = math.max(a.from, a.to or a.at)
now['until'] = math.max(now['until'], reaches)
if core then
  now.first, now.last = math.min(now.first, a.from), math.max(now.last, reaches)
end
local fields = {}
for field, value in pairs(now) do
  if was.new or value ~= was[field] then
    fields[#fields + 1], fields[#fields + 2] = field, text(value)
  end
end
if was.new then
  for _, field in ipairs({'one', 'wide', 'about', 'indexes'}) do
    fields[#fields + 1], fields[#fields + 2] = field, was[field]
  end
end
if #fields > 0 then
  redis.call('HSET', incident, unpack(fields))
end

-- What a feed says is what its newest alert says. When that turns out never to have been, it is the next newest.
if newer and not a.silence then
  local says = key(number, 'says')
  local said = not was.new and redis.call('HGET', says, a.feed)
  local known = said and string.match(said, '^[^|]*')
  if not a.undone and (not known or known < a.order) then
    redis.call('HSET', says, a.feed, a.order .. '|' .. a.says)
  elseif a.undone and old and known == old.order then
    local best = redis.call('ZREVRANGEBYLEX', order, '(' .. a.feed .. '\1', '[' .. a.feed .. '\0', 'LIMIT', 0, 1)[1]
    local one = best and head(redis.call('HGET', members, string.match(best, '%z[^|]*|(.*)$')))
    if one then
      redis.call('HSET', says, a.feed, one.order .. '|' .. one.says)
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
    redis.call('HSET', silent, name, member)
    redis.call('ZADD', till, a.to and text(a.to) or FOREVER, name)
  end
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', till, '-inf', text(a.from - a.retention), 'LIMIT', 0, 16)) do
    redis.call('HDEL', silent, gone)
    redis.call('ZREM', till, gone)
  end
end

-- How long it is kept, and how it is found: as long as something fires without end, then as long as resolved alerts.
if now.firing <= 0 then
  for _, part in ipairs(PARTS) do
    redis.call('PEXPIRE', incident .. part, a.retention)
  end
elseif was.firing <= 0 and not was.new then
  for _, part in ipairs(PARTS) do
    redis.call('PERSIST', incident .. part)
  end
end
if a.status == 'firing' then
  redis.call('PERSIST', homes)
else
  redis.call('PEXPIRE', homes, a.retention)
end
if now.core_firing <= 0 or was.core_firing <= 0 then -- else it is first in its indexes already
  for _, index in ipairs(cjson.decode(was.indexes)) do
    redis.call('ZADD', index, now.core_firing > 0 and FOREVER or text(now.last), number)
    if now.core_firing > 0 or redis.call('ZCOUNT', index, FOREVER, FOREVER) > 0 then
      redis.call('PERSIST', index)
    else
      redis.call('PEXPIRE', index, a.retention)
    end
  end
end
if was.new then -- those that have expired leave the list, a few at a time
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', p .. 'incidents', '-inf', text(a.from - a.retention), 'LIMIT', 0, 4)) do
    if redis.call('EXISTS', key(gone)) == 0 then
      redis.call('ZREM', p .. 'incidents', gone)
    end
  end
end
if was.new or now.firing <= 0 or was.firing <= 0 then
  redis.call('ZADD', p .. 'incidents', now.firing > 0 and FOREVER or text(now['until']), number)
end
return tonumber(number)
