-- Add entries to the end of the audit log, if its end is still what the writer has read; take the oldest ones away.
-- ARGV: prefix, head as the writer has read it (empty: there is none), head afterwards,
--       first number that stays (empty: all stay), floor (empty: as it is), then per entry: number, entry (JSON), hash
-- Returns 1 and the new head when the entries were added, else 0 and the head that there is.
local log, head, floor = ARGV[1] .. 'trail', ARGV[1] .. 'trail:head', ARGV[1] .. 'trail:floor'
local found = redis.call('GET', head) or ''
if found ~= ARGV[2] then
  return {0, found}
end
for i = 6, #ARGV, 3 do
  redis.call('XADD', log, ARGV[i] .. '-0', 'entry', ARGV[i + 1], 'hash', ARGV[i + 2])
end
if ARGV[4] ~= '' then
  redis.call('XTRIM', log, 'MINID', ARGV[4] .. '-0')
  redis.call('SET', floor, ARGV[5])
end
redis.call('SET', head, ARGV[3])
return {1, ARGV[3]}
