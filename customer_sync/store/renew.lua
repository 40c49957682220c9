-- Lengthen the leases that this token still holds. ARGV: lane, token, lease in ms, target... Returns how many.
local lane, token, till = ARGV[1], ARGV[2], now_ms() + tonumber(ARGV[3])
local targets, leases = {unpack(ARGV, 4)}, {}
for i, held in ipairs(many('HMGET', P .. 'tok:' .. lane, targets)) do
  if held and string.match(held, '^(.-)|') == token then
    leases[#leases + 1] = till
    leases[#leases + 1] = targets[i]
  end
end
for first = 1, #leases, 2000 do
  redis.call('ZADD', P .. 'lease:' .. lane, 'XX', unpack(leases, first, math.min(first + 1999, #leases)))
end
return #leases / 2
