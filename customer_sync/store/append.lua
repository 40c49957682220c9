-- Append requests to the inbox and write counts. ARGV[1]: how many requests; then these; then field, by, field, by, ...
-- Returns 1 when a wake-up must be sent.
local n = tonumber(ARGV[1])
for i = 2, n + 1 do redis.call('XADD', P .. 'inbox', '*', 'r', ARGV[i]) end
for i = n + 2, #ARGV, 2 do redis.call('HINCRBY', P .. 'metrics', ARGV[i], ARGV[i + 1]) end
return (n > 0 and wake('inbox')) and 1 or 0
