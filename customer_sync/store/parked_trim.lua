-- Drop what is parked for too long, and the oldest of too many. ARGV: ms, how many. Returns {too old, too many}.
local function forget(ids)
  many('HDEL', P .. 'parked', ids)
  many('HDEL', P .. 'parked:brief', ids)
  many('ZREM', P .. 'parked:at', ids)
  return #ids
end
-- an older program takes out a thing without its brief; those that are still wanted are made again
if redis.call('HLEN', P .. 'parked:brief') > redis.call('HLEN', P .. 'parked') then redis.call('DEL', P .. 'parked:brief') end
-- a thousand at a time: the next sweep goes on
local old = redis.call('ZRANGEBYSCORE', P .. 'parked:at', '-inf', now_ms() - tonumber(ARGV[1]), 'LIMIT', 0, 1000)
local aged = forget(old)
local over = redis.call('ZCARD', P .. 'parked:at') - tonumber(ARGV[2])
if over <= 0 then return {aged, 0} end
return {aged, forget(redis.call('ZRANGE', P .. 'parked:at', 0, math.min(over, 1000) - 1))}
