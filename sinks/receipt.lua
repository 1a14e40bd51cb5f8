-- Keep what a far side says, after it has taken a message over, of what became of it; wake who waits for it. One step.
-- ARGV: prefix, now in ms or '', the far side's id of the message, key of the notification or '', status, outcome, receipt (JSON),
--       how long it is kept in ms
-- Returns 'taken'; 'repeated' when it was said before; 'early' when no notification is known (yet) that it is about.
local id, key, status, outcome, receipt, keep = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local mine = p .. 'receipt:' .. id
if redis.call('HSETNX', mine, 'said:' .. status, outcome .. '|' .. receipt) == 0 then
  return 'repeated'
end
redis.call('PEXPIRE', mine, keep)
-- What our own record says goes before what the far side repeats to us.
local known = redis.call('HGET', mine, 'key')
if known then
  key = known
elseif key ~= '' and redis.call('EXISTS', p .. 'note:' .. key) == 1 then
  redis.call('HSET', mine, 'key', key)
else
  return 'early'
end
return keep_receipt(key, id, outcome, receipt) and 'taken' or 'early'
