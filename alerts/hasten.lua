-- Somebody who was told wants the next to be told now: the next step of a group's escalation is due at once.
-- ARGV: prefix, now in ms or '', group
-- Returns 'done'; 'none' when no escalation waits; 'busy' while a notifier decides about the group: ask again.
local gk = ARGV[3]
local name = p .. 'group:' .. gk
local running = redis.call('HGET', name, 'escalation')
if not running or not string.find(running, '"phase":"waiting"', 1, true) then
  return 'none'
end
if redis.call('HEXISTS', p .. 'groups:lease', gk) == 1 then
  return 'busy'
end
-- As text: numbers of scripts are not exact for microseconds. Within JSON text no string can hold these: its quotes would be escaped.
running = string.gsub(running, '"left_us":%-?%d+', '"left_us":0', 1)
running = string.gsub(running, '"seen_us":%-?%d+', '"seen_us":' .. string.format('%.0f', now) .. '000', 1)
redis.call('HSET', name, 'escalation', running)
redis.call('ZADD', p .. 'groups:due', 'LT', now, gk)
redis.call('PUBLISH', p .. 'wake', 'hasten')
return 'done'
