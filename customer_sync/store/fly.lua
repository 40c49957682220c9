-- Hand items that are being loaded over to an import: from now on it holds their leases. What was taken back or whose
-- lease has ended stays out.
-- ARGV: lane, token of the load, the import, lease in ms, target, mark, target, mark, ...; the mark says where the
-- import may make a contact: `import|JSON`. Returns {1, the targets that stay out}, {0} when the import was given up.
local lane, token, import, lease_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not redis.call('ZSCORE', P .. 'imports', import) then return {0} end
local now = now_ms()
local out = {1}
for i = 5, #ARGV, 2 do
  local target = ARGV[i]
  local held_token, rest = string.match(redis.call('HGET', P .. 'tok:' .. lane, target) or '', '^(.-)|(.*)$')
  if held_token == token and redis.call('ZSCORE', P .. 'lease:' .. lane, target) then
    redis.call('HSET', P .. 'tok:' .. lane, target, import .. '|' .. rest)
    redis.call('ZADD', P .. 'lease:' .. lane, now + lease_ms, target)
    redis.call('HSET', P .. 'flown:' .. lane, target, ARGV[i + 1])
  else
    out[#out + 1] = target
  end
end
return out
