-- Give an alert its short code: the one it has, or the first of its candidates that no other alert has.
-- ARGV: prefix, fingerprint, how long it is kept in ms from now, candidates ...
-- Returns the code; the fingerprint itself when all are taken.
local p, fp, kept = ARGV[1], ARGV[2], ARGV[3]
local mine = p .. 'code_of:' .. fp
local code = redis.call('GET', mine)
if code and redis.call('GET', p .. 'code:' .. code) == fp then
  redis.call('PEXPIRE', mine, kept)
  redis.call('PEXPIRE', p .. 'code:' .. code, kept)
  return code
end
for i = 4, #ARGV do
  local holder = redis.call('GET', p .. 'code:' .. ARGV[i])
  if not holder or holder == fp then
    redis.call('SET', p .. 'code:' .. ARGV[i], fp, 'PX', kept)
    redis.call('SET', mine, ARGV[i], 'PX', kept)
    return ARGV[i]
  end
end
return fp
