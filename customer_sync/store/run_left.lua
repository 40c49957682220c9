-- How many targets that came with a run still wait for their first try in a lane. ARGV[1]: lane.
-- Those that became more urgent meanwhile count, and those that a limit put off before they were tried; those that are
-- due later by themselves do not. Exact up to 2,000 waiting and 2,000 leased ones; above that an upper bound, which is as
-- good: it is not nothing.
local lane = ARGV[1]
local now, left = now_ms(), 0
local function is_new(target) return redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 0 end
local waiting, leased = redis.call('ZCOUNT', qkey(lane, 2), '-inf', now), redis.call('ZCARD', P .. 'lease:' .. lane)
if waiting > 2000 then left = waiting
else
  for _, target in ipairs(redis.call('ZRANGEBYSCORE', qkey(lane, 2), '-inf', now)) do
    if is_new(target) then left = left + 1 end
  end
end
local raised = redis.call('SCARD', P .. 'was_bulk:' .. lane)
if raised > 2000 then left = left + raised
elseif raised > 0 then
  for _, target in ipairs(redis.call('SMEMBERS', P .. 'was_bulk:' .. lane)) do
    local due = redis.call('ZSCORE', qkey(lane, prio_of(lane, target)), target)
    if due and tonumber(due) <= now and is_new(target) then left = left + 1 end
  end
end
local put_off = redis.call('SCARD', P .. 'put_off:' .. lane)
if put_off > 2000 then left = left + put_off
elseif put_off > 0 then
  for _, target in ipairs(redis.call('SMEMBERS', P .. 'put_off:' .. lane)) do
    local due = redis.call('ZSCORE', qkey(lane, prio_of(lane, target)), target)
    local is_of_run = prio_of(lane, target) == 2 or redis.call('SISMEMBER', P .. 'was_bulk:' .. lane, target) == 1
    if due and tonumber(due) > now and is_of_run and is_new(target) then left = left + 1 end
  end
end
if leased > 2000 then return left + leased end
for _, target in ipairs(redis.call('ZRANGE', P .. 'lease:' .. lane, 0, -1)) do
  if prio_of(lane, target) == 2 or redis.call('SISMEMBER', P .. 'was_bulk:' .. lane, target) == 1 then left = left + 1 end
end
return left
