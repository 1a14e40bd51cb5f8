-- Note which alerts are at their end. ARGV: prefix, now in ms or '', then per alert: fingerprint, changes, accounts
for i = 3, #ARGV, 3 do
  local alert = p .. 'alert:' .. ARGV[i]
  if redis.call('EXISTS', alert) == 1 then
    redis.call('HSET', alert, 'audited', ARGV[i + 1] .. '|' .. ARGV[i + 2])
  end
end
return 1
