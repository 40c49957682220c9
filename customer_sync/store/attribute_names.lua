-- Number attributes: each name gets a number once, the same for every process.
-- ARGV: name, number, name, number, ...; the number is the one that this process knows, '' for none. That number is
-- used again where Redis has lost the name and has not given the number to another name.
-- Returns name, number, name, number, ... of all; the empty name holds how many numbers were given.
local key = P .. 'attribute:names'
local taken, next_number = {}, tonumber(redis.call('HGET', key, '') or '0')
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if all[i] ~= '' then taken[all[i + 1]] = true; next_number = math.max(next_number, tonumber(all[i + 1]) + 1) end
end
local function give(name, number)
  redis.call('HSET', key, name, number)
  taken[tostring(number)] = true
  next_number = math.max(next_number, tonumber(number) + 1)
  redis.call('HSET', key, '', next_number)
end
-- known numbers first: a new name must not get a known number
for i = 1, #ARGV, 2 do
  local is_lost = ARGV[i + 1] ~= '' and not taken[ARGV[i + 1]] and redis.call('HEXISTS', key, ARGV[i]) == 0
  if is_lost then give(ARGV[i], ARGV[i + 1]) end
end
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', key, ARGV[i]) == 0 then give(ARGV[i], next_number) end
end
return redis.call('HGETALL', key)
