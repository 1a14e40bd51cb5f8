-- Who does a chore, and when it was done last. ARGV: prefix, now in ms or '', act, name, lease in ms, then by act:
--   take: when it was last done, as the caller read it ('': take it all the same) -> {token, now}; {} when another has it
--   hold: token -> 1; 0 when another has it.   done: token, when it began -> 1; 0 when another has it
local act, name, lease_ms = ARGV[3], ARGV[4], tonumber(ARGV[5])
local chores = p .. 'chores'
local held = redis.call('HMGET', chores, name .. ':token', name .. ':until', name .. ':last')
if act == 'take' then
  local ends = tonumber(held[2] or '')
  if held[1] and ends and now < ends and ends <= now + lease_ms then -- later than that: the clock was set back
    return {}
  end
  if ARGV[6] ~= '' and held[3] ~= ARGV[6] then
    return {} -- it was done meanwhile
  end
  local token = tostring(redis.call('INCR', p .. 'fence'))
  redis.call('HSET', chores, name .. ':token', token, name .. ':until', string.format('%d', now + lease_ms))
  return {token, string.format('%d', now)}
end
if held[1] ~= ARGV[6] then
  return 0
end
if act == 'hold' then
  redis.call('HSET', chores, name .. ':until', string.format('%d', now + lease_ms))
else
  redis.call('HSET', chores, name .. ':last', ARGV[7])
  redis.call('HDEL', chores, name .. ':token', name .. ':until')
end
return 1
