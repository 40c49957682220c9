-- Lengthen a follower's turn. A turn that ran out is taken again if nobody had one since. ARGV: token, ms.
-- Returns 1 while the turn is the token's.
local key = P .. 'imports:follower'
local holder = redis.call('GET', key) or redis.call('GET', key .. ':last')
if holder ~= ARGV[1] then return 0 end
redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
return 1
