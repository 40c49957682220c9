-- Forget an import. ARGV: import, ms for which its slot stays unused: contacts of two imports are told apart by time;
-- JSON of what is to be told of its end, '' for nothing. The newest 200 ends are kept.
local import = ARGV[1]
local slot = redis.call('HGET', P .. 'import:' .. import, 'slot')
redis.call('ZREM', P .. 'imports', import)
local key = P .. 'import:' .. import
if ARGV[3] ~= '' and redis.call('EXISTS', key) == 1 then
  redis.pcall('RPUSH', P .. 'notices:ended', ARGV[3]) -- a full Redis may refuse this command
  redis.call('LTRIM', P .. 'notices:ended', -200, -1)
end
redis.call('DEL', key, key .. ':rows', key .. ':watched', key .. ':joined', key .. ':before', key .. ':again')
if slot and redis.call('HGET', P .. 'imports:slots', slot) == import then
  redis.call('HDEL', P .. 'imports:slots', slot)
  redis.pcall('SET', P .. 'imports:rest:' .. slot, '1', 'PX', ARGV[2]) -- a full Redis may refuse this command
end
return 1
