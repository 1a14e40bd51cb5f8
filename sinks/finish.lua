-- A notification is done: it leaves its line, which goes on with the next.
-- ARGV: prefix, now in ms or '', line, token, key, status, note, retention in ms
-- Returns 1; 0 when it was done already.
local line, token = ARGV[3], ARGV[4]
local answer = finish(line, ARGV[5], ARGV[6], ARGV[7], ARGV[8]) and 1 or 0
if is_mine(line, token) then
  let_go(line)
  make_ready(line)
end
return answer
