-- Wake the groups of alerts that a silence was or will be about, and take away the edges that led here.
-- ARGV: prefix, now in ms, number of edges, then per edge: member, score as it was read; then fingerprints
-- An edge that was moved meanwhile stays. Returns how many groups were woken.
local p, now_ms, edges = ARGV[1], ARGV[2], tonumber(ARGV[3])
local woken = 0
for i = 4 + 2 * edges, #ARGV do
  for _, group in ipairs(redis.call('SMEMBERS', p .. 'groups_of:' .. ARGV[i])) do
    redis.call('ZADD', p .. 'groups:due', 'LT', now_ms, group)
    woken = woken + 1
  end
end
for i = 4, 3 + 2 * edges, 2 do
  if redis.call('ZSCORE', p .. 'silences:edges', ARGV[i]) == ARGV[i + 1] then
    redis.call('ZREM', p .. 'silences:edges', ARGV[i])
  end
end
if woken > 0 then
  redis.call('PUBLISH', p .. 'wake', 'silence')
end
return woken
