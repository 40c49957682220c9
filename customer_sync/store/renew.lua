-- Lengthen the leases that this token still holds. ARGV: lane, token, lease in ms, target... Returns how many.
local lane, token, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now, kept = now_ms(), 0
for i = 4, #ARGV do
  local held = redis.call('HGET', P .. 'tok:' .. lane, ARGV[i])
  if held and string.match(held, '^(.-)|') == token then
    redis.call('ZADD', P .. 'lease:' .. lane, 'XX', now + lease_ms, ARGV[i])
    kept = kept + 1
  end
end
return kept
