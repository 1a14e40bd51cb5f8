-- In which incident each alert is, by its latest episode, and how many alerts that incident has.
-- ARGV: prefix, fingerprints
-- Returns {{number, alerts}, ...}, and last how many feeds are silent; {'', 0} for an alert that is in none.
local p, found = ARGV[1], {}
for i = 2, #ARGV do
  local homes = redis.call('HGETALL', p .. 'incident_of:' .. ARGV[i])
  local latest, number = '', ''
  for j = 1, #homes, 2 do
    if homes[j] > latest then
      latest, number = homes[j], homes[j + 1]
    end
  end
  found[#found + 1] = {number, number == '' and 0 or redis.call('HLEN', p .. 'incident:' .. number .. ':alerts')}
end
found[#found + 1] = redis.call('HLEN', p .. 'incidents:silent')
return found
