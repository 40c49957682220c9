-- Replace the first n changes of a waiting item by one, unless the item is leased or these changes are others by now.
-- ARGV: lane, target, n, the SHA-1 of these n changes joined, merged change... (one for each record).
-- Returns 1 when done.
local lane, target, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = P .. 'c:' .. lane .. ':' .. target
if redis.call('ZSCORE', P .. 'lease:' .. lane, target) then return 0 end
local first = redis.call('LRANGE', key, 0, n - 1)
if #first < n or redis.sha1hex(table.concat(first)) ~= ARGV[4] then return 0 end
redis.call('LTRIM', key, n, -1)
for i = #ARGV, 5, -1 do redis.call('LPUSH', key, ARGV[i]) end
return 1
