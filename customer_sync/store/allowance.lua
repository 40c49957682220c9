-- Count one call of a caller. ARGV[1]: the caller; ARGV[2]: how long a count goes on, in ms.
-- Returns {how many calls so far, in how many ms the count begins anew}.
local key = P .. 'calls:' .. ARGV[1]
local count = redis.call('INCR', key)
local left = redis.call('PTTL', key)
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', key, left)
end
return {count, left}
