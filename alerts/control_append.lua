-- Add a control to the end of the log, if the log is still what the writer has read.
-- ARGV: prefix, id of the log as the writer has read it (empty: there was none), its length then, id for a new log,
--       control (JSON)
-- Returns its number, or 0 when somebody else was faster.
local list, name = ARGV[1] .. 'control', ARGV[1] .. 'control:log'
local log = redis.call('GET', name) or ''
if log ~= ARGV[2] or redis.call('LLEN', list) ~= tonumber(ARGV[3]) then
  return 0
end
if log == '' then
  redis.call('SET', name, ARGV[4])
end
return redis.call('RPUSH', list, ARGV[5])
