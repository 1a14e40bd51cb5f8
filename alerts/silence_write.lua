-- Write silences, all or none: each only if it is still what the writer has read.
-- ARGV: prefix, now in ms, a new name for the state of all silences, then per silence: id, version as it was read (0: there
--       was none), new version, silence (JSON), begin in ms or '' (has begun before), end in ms, when to forget it in ms
-- An edge lies at its begin and at its end. The notifier passes it, and wakes the groups of the alerts that it is about:
-- so a silence that begins or is expired now wakes them in the same step as it is written.
-- Returns 0; else the number of the first silence, from 1, that somebody else has changed.
local p, now_ms = ARGV[1], tonumber(ARGV[2])
local all, edges, gone = p .. 'silences', p .. 'silences:edges', p .. 'silences:forget'
for i = 4, #ARGV, 7 do
  local stored = redis.call('HGET', all, ARGV[i])
  if (stored and string.match(stored, '^%d+') or '0') ~= ARGV[i + 1] then
    return (i - 4) / 7 + 1
  end
end
for i = 4, #ARGV, 7 do
  local id = ARGV[i]
  redis.call('HSET', all, id, ARGV[i + 2] .. '|' .. ARGV[i + 3])
  if ARGV[i + 4] ~= '' then
    redis.call('ZADD', edges, ARGV[i + 4], id .. '|begin')
  end
  redis.call('ZADD', edges, ARGV[i + 5], id .. '|end')
  redis.call('ZADD', gone, ARGV[i + 6], id)
end
-- What ended long ago is forgotten, a few at a time; never before its edges were passed.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', gone, '-inf', now_ms, 'LIMIT', 0, 16)) do
  if not redis.call('ZSCORE', edges, id .. '|end') then
    redis.call('HDEL', all, id)
    redis.call('ZREM', gone, id)
  end
end
redis.call('SET', p .. 'silences:version', ARGV[3])
redis.call('PUBLISH', p .. 'wake', 'silence')
redis.call('XADD', p .. 'log', 'MAXLEN', '~', 50000, '*', 'silence', ARGV[4])
return 0
