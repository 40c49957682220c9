-- ARGV: skill, value, ... as a process knows them. What Redis has lost of them, or holds an older word of, is written
-- back. Returns all that is there afterwards: skill, value, ...
local key = P .. 'skills'
for i = 1, #ARGV, 2 do
  local there = redis.call('HGET', key, ARGV[i])
  local mine = tonumber(string.match(ARGV[i + 1], '^(%d+)|'))
  if not there or tonumber(string.match(there, '^(%d+)|') or '0') < mine then
    redis.call('HSET', key, ARGV[i], ARGV[i + 1])
  end
end
return redis.call('HGETALL', key)
