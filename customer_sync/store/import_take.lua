-- Hand loaded items over to an import: from now on the import holds their leases. Items that live work took back, or
-- whose lease has ended, stay out.
-- ARGV: lane, token of the load, the import, lease in ms, target, mark, target, mark, ...; the mark tells what contact
-- the import may make: `import|JSON`. What an earlier import that updates may have overwritten is still to be sent again
-- if this import is not sent: such a mark is kept with the import. Returns {1, the targets that stay out}, {0} when the import was given up.
local lane, token, import, lease_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not redis.call('ZSCORE', P .. 'imports', import) then return {0} end
local now = now_ms()
local targets, tokens, leases, marks, before, out = {}, {}, {}, {}, {}, {1}
for i = 5, #ARGV, 2 do table.insert(targets, ARGV[i]) end
local held, ends = many('HMGET', P .. 'tok:' .. lane, targets), many('ZMSCORE', P .. 'lease:' .. lane, targets)
local had = many('HMGET', P .. 'mark:' .. lane, targets)
for i, target in ipairs(targets) do
  local held_token, rest = string.match(held[i] or '', '^(.-)|(.*)$')
  if held_token == token and ends[i] then
    table.insert(tokens, target); table.insert(tokens, import .. '|' .. rest)
    table.insert(leases, now + lease_ms); table.insert(leases, target)
    table.insert(marks, target); table.insert(marks, ARGV[4 + 2 * i])
    if had[i] and string.sub(had[i], 1, 1) == '!' then table.insert(before, target); table.insert(before, had[i]) end
  else
    out[#out + 1] = target
  end
end
many('HSET', P .. 'tok:' .. lane, tokens)
many('ZADD', P .. 'lease:' .. lane, leases)
many('HSET', P .. 'mark:' .. lane, marks)
many('HSET', P .. 'import:' .. import .. ':before', before)
return out
