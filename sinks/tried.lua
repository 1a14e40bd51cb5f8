-- Record a try. What was sent was sent, whoever holds the lease by now; how it goes on is up to the holder.
-- ARGV: prefix, now in ms or '', line, token, key, try (JSON), progress (JSON), thread, retention in ms, what receipts may come for
--       ('', or JSON: {{recipient, what the far side calls the message}, ...}), then pairs of channel|recipient and what the far
--       side calls the message
-- Returns 1; 0 when the lease was lost.
local line, token, key, try, progress, retention = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[9]
local note = p .. 'note:' .. key
if redis.call('EXISTS', note) == 0 then
  return 0
end
redis.call('RPUSH', p .. 'tries:' .. key, try)
local thread = p .. 'thread:' .. ARGV[8]
for i = 11, #ARGV, 2 do -- the first message of the thread is the one that others update or answer
  redis.call('HSETNX', thread, ARGV[i], ARGV[i + 1])
  redis.call('PEXPIRE', thread, retention)
end
local ended = false
if ARGV[10] ~= '' then
  for _, one in ipairs(cjson.decode(ARGV[10])) do
    local recipient, id = one[1], one[2]
    redis.call('HSET', p .. 'told_last', recipient, key)
    if id ~= '' then
      local mine = p .. 'receipt:' .. id
      local early = redis.call('HSETNX', mine, 'key', key) == 1
      redis.call('PEXPIRE', mine, retention)
      local fields = redis.call('HGETALL', mine)
      for i = 1, #fields, 2 do
        local outcome, receipt = string.match(fields[i + 1], '^(%l+)|(.*)$')
        if outcome and string.sub(fields[i], 1, 5) == 'said:' then
          if early then -- it was quicker than this record
            keep_receipt(key, id, outcome, receipt)
          end
          ended = ended or outcome ~= 'accepted'
        end
      end
    end
  end
end
if not is_mine(line, token) then
  local ttl = redis.call('PTTL', note)
  if ttl > 0 then
    redis.call('PEXPIRE', p .. 'tries:' .. key, ttl)
  end
  return 0
end
redis.call('HDEL', note, 'sending')
redis.call('HSET', note, 'progress', progress)
if ended then
  redis.call('HSET', note, 'news', '1')
end
return 1
