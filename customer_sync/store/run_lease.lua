-- Renew a lease, or give it back. ARGV: key, token, ms (0 gives it back).
-- Returns 1 when the token still holds the lease.
if redis.call('GET', ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then redis.call('DEL', ARGV[1]) else redis.call('PEXPIRE', ARGV[1], ARGV[3]) end
return 1
