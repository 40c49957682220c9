-- Return rows of the ledger, each as a list of names and texts; an empty one for a row that is gone. ARGV: their ids.
local found = {}
for i = 1, #ARGV do
  local rows = redis.call('XRANGE', P .. 'ledger', ARGV[i], ARGV[i])
  found[i] = rows[1] and rows[1][2] or {}
end
return found
