-- Make a change ready to be put into groups again, unless it is on its way, or became known meanwhile.
-- ARGV: prefix, now in ms or '', fingerprint, change id, change (JSON), accounts as they were counted, groups
-- Returns 1; 0 when there is no need any more.
local fp, id = ARGV[3], ARGV[4]
if redis.call('LLEN', p .. 'accounts:' .. fp) ~= tonumber(ARGV[6]) or redis.call('ZSCORE', p .. 'pending', 'change-' .. id) then
  return 0
end
local groups = redis.call('SMEMBERS', p .. 'groups_of:' .. fp)
for i = 7, #ARGV do
  groups[#groups + 1] = ARGV[i]
end
for _, gk in ipairs(groups) do
  if redis.call('ZSCORE', p .. 'pending', 'news-' .. gk .. '-' .. id) then
    return 0
  end
end
redis.call('HSET', p .. 'unrouted', id, string.format('%d|', now) .. ARGV[5]) -- not in `unrouted:order`: we put it there
return 1
