-- Look at something that is overdue: whether it is merely late, or forgotten; what is forgotten is put right.
-- ARGV: prefix, now in ms or '', kind, then by kind:
--   change: change id, change (JSON)     news: change id, fingerprint, group     note: key
-- Returns 0: merely late, or done meanwhile; 1: it was forgotten, and is on its way again; 2: its group is gone, and nothing
-- says any more that it is on its way.
local kind, id = ARGV[3], ARGV[4]

if kind == 'change' then
  local accepted = redis.call('ZSCORE', p .. 'pending', 'change-' .. id)
  if not accepted then
    return 0
  end
  local mended = redis.call('HSETNX', p .. 'unrouted', id, string.format('%d|', tonumber(accepted)) .. ARGV[5])
  if not redis.call('LPOS', p .. 'unrouted:order', id) then
    redis.call('RPUSH', p .. 'unrouted:order', id)
    mended = 1
  end
  if mended == 1 then
    redis.call('PUBLISH', p .. 'wake', '1')
  end
  return mended
end

if kind == 'news' then
  local fp, gk = ARGV[5], ARGV[6]
  local name, entry = p .. 'group:' .. gk, 'news-' .. gk .. '-' .. id
  local accepted = redis.call('ZSCORE', p .. 'pending', entry)
  if not accepted then
    return 0
  end
  if not redis.call('HGET', name, 'route') or not redis.call('HGET', name, 'origin') then
    redis.call('ZREM', p .. 'pending', entry)
    redis.call('DEL', name)
    return 2
  end
  local mended = redis.call('SADD', p .. 'members:' .. gk, fp)
  redis.call('SADD', p .. 'groups_of:' .. fp, gk)
  local news = fp .. '|' .. id .. '|' .. string.format('%d', tonumber(accepted))
  if not redis.call('LPOS', p .. 'news:' .. gk, news) then
    redis.call('RPUSH', p .. 'news:' .. gk, news)
    mended = 1
  end
  if not redis.call('ZSCORE', p .. 'groups:leased', gk) then
    local tick = tonumber(redis.call('HGET', name, 'tick') or '')
    local due = tonumber(redis.call('ZSCORE', p .. 'groups:due', gk) or '')
    if mended == 1 or not tick or not due or due > tick then
      tick = tick_after(name, now)
      redis.call('HSET', name, 'tick', string.format('%d', tick))
      redis.call('ZADD', p .. 'groups:due', 'LT', tick, gk)
      redis.call('PUBLISH', p .. 'wake', '1')
      mended = 1
    end
  end
  return mended
end

local note = p .. 'note:' .. id
local known = redis.call('HMGET', note, 'status', 'order', 'line', 'accepted_ms', 'receiver')
if known[1] ~= 'pending' then
  return 0
end
local mended = redis.call('ZADD', p .. 'line:' .. known[3], 'NX', 0, known[2] .. '|' .. id)
redis.call('ZADD', p .. 'pending', 'NX', known[4], id)
redis.call('ZADD', p .. 'pending:' .. known[5], 'NX', known[4], id)
local line = known[3]
if not redis.call('ZSCORE', p .. 'ready', line) and not redis.call('ZSCORE', p .. 'later', line)
    and not redis.call('ZSCORE', p .. 'leased', line) then
  make_ready(line, now)
  mended = 1
end
return mended
