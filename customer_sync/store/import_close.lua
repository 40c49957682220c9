-- Forget an import. ARGV: import, rest of its slot in ms: what it created is told apart from the next one's by time.
local import = ARGV[1]
local slot = redis.call('HGET', P .. 'import:' .. import, 'slot')
redis.call('ZREM', P .. 'imports', import)
redis.call('DEL', P .. 'import:' .. import, P .. 'import:' .. import .. ':rows')
if slot and redis.call('HGET', P .. 'imports:slots', slot) == import then
  redis.call('HDEL', P .. 'imports:slots', slot)
  redis.pcall('SET', P .. 'imports:rest:' .. slot, '1', 'PX', ARGV[2]) -- a full Redis may refuse this one
end
return 1
