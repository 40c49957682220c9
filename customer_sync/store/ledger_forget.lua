-- Delete rows of the ledger, and what the index knows of them. ARGV[1]: how many rows; their ids; then part and place of
-- each record of the index, in bytes. A record keeps its time, so that the order stays. Returns how many rows were there.
local n, ids = tonumber(ARGV[1]), {}
for i = 2, n + 1 do ids[#ids + 1] = ARGV[i] end
for i = n + 2, #ARGV, 2 do
  local part, at = P .. 'ledger:index:' .. ARGV[i], tonumber(ARGV[i + 1])
  if redis.call('STRLEN', part) >= at + 32 then
    redis.call('SETRANGE', part, at, string.rep('\0', 8))
    redis.call('SETRANGE', part, at + 18, string.rep('\0', 14))
  end
end
local gone = 0
for i = 1, #ids do gone = gone + redis.call('XDEL', P .. 'ledger', ids[i]) end
return gone
