-- End the proof that is under way: keep what it found, forget its state; only if the caller still has the turn.
-- ARGV: the token of the turn, the record, the receipt, how many receipts are kept, whether the opening sizes that were
-- passed still count (1 or 0), when the proof began in ms, then the doors that it opens.
-- A door that was closed since the proof began stays closed: what closed it is newer than what the proof saw at first.
-- Returns the doors that stay closed, or false when the turn was lost.
local proof = P .. 'proof'
if redis.call('GET', P .. 'proof:turn') ~= ARGV[1] then return false end
redis.call('HSET', proof, 'proof', ARGV[2])
if ARGV[5] == '0' then redis.call('HSET', proof, 'step', 0) end
local stay = {}
for i = 7, #ARGV do
  local closing = redis.call('HGET', proof, 'closed:' .. ARGV[i])
  if closing and cjson.decode(closing)[3] >= tonumber(ARGV[6]) then
    stay[#stay + 1] = ARGV[i]
  elseif closing then
    redis.call('HDEL', proof, 'closed:' .. ARGV[i])
  end
end
redis.call('LPUSH', P .. 'proof:receipts', ARGV[3])
redis.call('LTRIM', P .. 'proof:receipts', 0, tonumber(ARGV[4]) - 1)
redis.call('DEL', P .. 'proof:run', P .. 'proof:import')
return stay
