-- Lease groups whose time has come. ARGV: prefix, now in ms or '', lease in ms, how many at most
-- Returns, per group: {key, token, fields, what was told or '', members as {fingerprint, order, change, when it was accepted if
--   it is not in the news yet or '', ...}, news, now}.
local lease_ms, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
for _, gk in ipairs(redis.call('ZRANGEBYSCORE', p .. 'groups:leased', '-inf', now, 'LIMIT', 0, 1000)) do -- who died
  redis.call('ZREM', p .. 'groups:leased', gk)
  redis.call('HDEL', p .. 'groups:lease', gk)
  redis.call('ZADD', p .. 'groups:due', 'LT', now, gk)
end
local AT_ONCE = 500
local claimed, mine = {}, {}
while #claimed < limit do
  local due = redis.call('ZRANGEBYSCORE', p .. 'groups:due', '-inf', now, 'WITHSCORES', 'LIMIT', 0,
    math.min(limit - #claimed, AT_ONCE))
  if #due == 0 then
    break
  end
  local names, scores = {}, {}
  for i = 1, #due, 2 do
    names[#names + 1], scores[#scores + 1] = due[i], due[i + 1]
  end
  redis.call('ZREM', p .. 'groups:due', unpack(names))
  local held = redis.call('ZMSCORE', p .. 'groups:leased', unpack(names))
  for place, gk in ipairs(names) do
    if held[place] then
      redis.call('HSET', p .. 'group:' .. gk, 'again', scores[place]) -- whoever has it looks again
    else
      local fields = redis.call('HGETALL', p .. 'group:' .. gk)
      if #fields > 0 then
        mine[#mine + 1] = gk
        claimed[#claimed + 1] = {gk, '', fields, '', {}, redis.call('LRANGE', p .. 'news:' .. gk, 0, -1), string.format('%d', now)}
      end
    end
  end
end

local ids, places = {}, {} -- of changes that may not be in the news yet, and where that is to be said
for first = 1, #mine, AT_ONCE do
  local last = math.min(first + AT_ONCE - 1, #mine)
  local told, leases, until_ = {}, {}, {}
  local token = redis.call('INCRBY', p .. 'fence', last - first + 1) - (last - first + 1)
  for place = first, last do
    local gk, one = mine[place], claimed[place]
    token = token + 1
    one[2] = string.format('%d', token)
    leases[#leases + 1], leases[#leases + 2] = gk, one[2]
    until_[#until_ + 1], until_[#until_ + 2] = now + lease_ms, gk
    told[#told + 1] = p .. 'told:' .. gk
    local members = one[5]
    for _, fp in ipairs(redis.call('SMEMBERS', p .. 'members:' .. gk)) do
      local alert = redis.call('HMGET', p .. 'alert:' .. fp, 'order', 'current')
      if alert[2] then
        members[#members + 1] = fp
        members[#members + 1] = alert[1] or ''
        members[#members + 1] = alert[2]
        members[#members + 1] = ''
        ids[#ids + 1] = string.sub(alert[1] or '', 60) -- an order ends with the id of its change, after 59 digits
        places[#places + 1] = {members, #members}
      else -- it has expired
        redis.call('SREM', p .. 'members:' .. gk, fp)
      end
    end
  end
  redis.call('HSET', p .. 'groups:lease', unpack(leases))
  redis.call('ZADD', p .. 'groups:leased', unpack(until_))
  for place, text in ipairs(redis.call('MGET', unpack(told))) do
    claimed[first + place - 1][4] = text or ''
  end
end
for first = 1, #ids, AT_ONCE do
  local last = math.min(first + AT_ONCE - 1, #ids)
  for place, coming in ipairs(redis.call('HMGET', p .. 'unrouted', unpack(ids, first, last))) do
    if coming then
      local where = places[first + place - 1]
      where[1][where[2]] = string.match(coming, '^%d+')
    end
  end
end
return claimed
