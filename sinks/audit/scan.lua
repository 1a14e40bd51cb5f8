-- Alerts whose record has changed since it was last found to be at its end. ARGV: prefix, now in ms or '', fingerprints
-- Returns, per alert: fingerprint, how many of its changes and how many of its accounts need not be read again.
local found = {}
for i = 3, #ARGV do
  local fp = ARGV[i]
  local changes, accounts = redis.call('LLEN', p .. 'history:' .. fp), redis.call('LLEN', p .. 'accounts:' .. fp)
  local mark = redis.call('HGET', p .. 'alert:' .. fp, 'audited')
  if changes > 0 and mark ~= changes .. '|' .. accounts then
    local done, told = string.match(mark or '', '^(%d+)|(%d+)$')
    done, told = tonumber(done or 0), tonumber(told or 0)
    if done > changes or told > accounts then -- something was taken away: all of it is looked at again
      done, told = 0, 0
    end
    found[#found + 1] = fp
    found[#found + 1] = done
    found[#found + 1] = told
  end
end
return found
