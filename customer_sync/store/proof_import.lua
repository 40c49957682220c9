-- Begin an import of a proof, unless another import runs.
-- ARGV: the proof, how long its imports may take in ms.
-- Returns 1 when it may begin; for the proof that has begun one already, too.
local key = P .. 'proof:import'
local holder = redis.call('GET', key)
if holder and holder ~= ARGV[1] then return 0 end
if not holder and redis.call('HLEN', P .. 'imports:slots') > 0 then return 0 end
redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
return 1
