-- The oldest changes that are in no group yet. ARGV: prefix, now in ms or '', how many at most
-- Returns pairs: change id, '<accepted in ms>|<change>'.
local found = {}
for _, id in ipairs(redis.call('LRANGE', p .. 'unrouted:order', 0, tonumber(ARGV[3]) - 1)) do
  local stored = redis.call('HGET', p .. 'unrouted', id)
  if stored then
    found[#found + 1] = id
    found[#found + 1] = stored
  else
    redis.call('LREM', p .. 'unrouted:order', 1, id)
  end
end
return found
