-- Head of apply.lua for alerts that others push to us: what is known of the push is written in the same step as the change
-- that follows from it, and only if it is still what the writer has read.
-- ARGV, from the end: fingerprint, record as it was read ('': none), new record ('': none), by when it is to be heard of again in
--       ms ('': not), 'apply' when a change follows, else ''
-- Returns -1 when somebody else was faster, -2 when the change's id was used before, 2 when no change follows; else as apply.lua.
local mine = #ARGV
local pushed_alert = ARGV[1] .. 'alert:' .. ARGV[mine - 4]
if (redis.call('HGET', pushed_alert, 'pushed') or '') ~= ARGV[mine - 3] then
  return -1
end
if ARGV[mine] == 'apply' and redis.call('EXISTS', ARGV[1] .. 'applied:' .. ARGV[2]) == 1 then
  return -2
end
if ARGV[mine - 2] ~= '' then
  redis.call('HSET', pushed_alert, 'pushed', ARGV[mine - 2])
end
if ARGV[mine - 1] == '' then
  redis.call('ZREM', ARGV[1] .. 'pushed:until', ARGV[mine - 4])
else
  redis.call('ZADD', ARGV[1] .. 'pushed:until', ARGV[mine - 1], ARGV[mine - 4])
end
if ARGV[mine] ~= 'apply' then
  return 2
end
