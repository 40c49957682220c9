-- Forget an import. ARGV: import, ms for which its slot stays unused: contacts of two imports are told apart by time.
local import = ARGV[1]
local slot = redis.call('HGET', P .. 'import:' .. import, 'slot')
redis.call('ZREM', P .. 'imports', import)
local key = P .. 'import:' .. import
redis.call('DEL', key, key .. ':rows', key .. ':watched', key .. ':joined', key .. ':before', key .. ':again')
if slot and redis.call('HGET', P .. 'imports:slots', slot) == import then
  redis.call('HDEL', P .. 'imports:slots', slot)
  redis.pcall('SET', P .. 'imports:rest:' .. slot, '1', 'PX', ARGV[2]) -- a full Redis may refuse this command
end
return 1
