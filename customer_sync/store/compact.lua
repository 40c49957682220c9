-- Replace the first n changes of a waiting item by one, unless it was leased or trimmed meanwhile.
-- ARGV: lane, target, n, version, merged change. Returns 1 when done.
local lane, target, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = P .. 'c:' .. lane .. ':' .. target
if redis.call('ZSCORE', P .. 'lease:' .. lane, target) then return 0 end
if (redis.call('HGET', P .. 'ver:' .. lane, target) or '0') ~= ARGV[4] then return 0 end
if redis.call('LLEN', key) < n then return 0 end
redis.call('LTRIM', key, n, -1)
redis.call('LPUSH', key, ARGV[5])
redis.call('HINCRBY', P .. 'ver:' .. lane, target, 1)
return 1
