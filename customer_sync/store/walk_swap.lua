-- Write how far a walk is, unless another process has written it meanwhile. ARGV: name, what was read ('' for nothing),
-- what is to be written ('' for nothing). Returns 1 when it was written.
local key = P .. 'walks'
if (redis.call('HGET', key, ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', key, ARGV[1]) else redis.call('HSET', key, ARGV[1], ARGV[3]) end
return 1
