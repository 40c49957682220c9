-- How many targets that came with a run still wait for their first try in a lane. ARGV[1]: lane.
-- Exact up to 2,000 waiting and 2,000 leased ones; above that an upper bound, which is as good: it is not nothing.
local lane = ARGV[1]
local left = 0
local waiting, leased = redis.call('ZCARD', qkey(lane, 2)), redis.call('ZCARD', P .. 'lease:' .. lane)
if waiting > 2000 then left = waiting
else
  for _, target in ipairs(redis.call('ZRANGE', qkey(lane, 2), 0, -1)) do
    if redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 0 then left = left + 1 end
  end
end
if leased > 2000 then return left + leased end
for _, target in ipairs(redis.call('ZRANGE', P .. 'lease:' .. lane, 0, -1)) do
  if prio_of(lane, target) == 2 then left = left + 1 end
end
return left
