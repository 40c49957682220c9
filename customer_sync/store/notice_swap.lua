-- Write what was told of, unless another process has written it meanwhile. ARGV: what was read ('' for nothing), what is
-- to be written. Returns 1 when it was written.
local key = P .. 'notices:told'
if (redis.call('GET', key) or '') ~= ARGV[1] then return 0 end
redis.call('SET', key, ARGV[2])
return 1
