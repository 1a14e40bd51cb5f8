-- The routes are others than before: every group is looked at. ARGV: prefix, now in ms or '', name of the routes
-- Returns how many there are.
local groups = redis.call('SMEMBERS', p .. 'groups')
for _, gk in ipairs(groups) do
  redis.call('ZADD', p .. 'groups:due', 'LT', string.format('%d', now), gk)
end
redis.call('SET', p .. 'routes', ARGV[3])
return #groups
