-- End a read: what it showed replaces what the read before showed. ARGV: turn, when the read began, ms that it is kept.
-- Whoever was shown unblocked and otherwise counts as blocked. Returns 1, or 0 when the turn is another's.
local bits, shown, otherwise = P .. 'read:bits', P .. 'read:shown', P .. 'read:otherwise'
if redis.call('GET', P .. 'read:turn') ~= ARGV[1] then return 0 end
-- BITOP takes a missing end for zeros: shown and not otherwise, without a NOT that would know no end
redis.call('BITOP', 'AND', otherwise, shown, otherwise)
redis.call('BITOP', 'XOR', bits, shown, otherwise)
redis.call('PEXPIRE', bits, ARGV[3])
redis.call('DEL', shown, otherwise)
redis.call('HSET', P .. 'read', 'at', ARGV[2], 'last', redis.call('HGET', P .. 'read', 'begun_last') or '0')
redis.call('HDEL', P .. 'read', 'progress', 'begun_last')
return 1
