-- Keep the state of the proof that is under way, if the caller still has the turn.
-- ARGV: the token of the turn, how long it lasts from now on in ms, the state ("" only keeps the turn).
-- Returns 1 when it was kept.
if redis.call('GET', P .. 'proof:turn') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', P .. 'proof:turn', ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', P .. 'proof:run', ARGV[3]) end
return 1
