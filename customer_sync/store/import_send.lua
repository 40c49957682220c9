-- Note that an import is about to be sent. ARGV: import, ms until the import is looked at again.
-- Returns 1, or 0 when the import was given up.
local import, look_ms = ARGV[1], tonumber(ARGV[2])
if not redis.call('ZSCORE', P .. 'imports', import) then return 0 end
local state = redis.call('HGET', P .. 'import:' .. import, 'state')
if state ~= 'opened' and state ~= 'sending' then return 0 end
local now = now_ms()
redis.call('HSET', P .. 'import:' .. import, 'state', 'sending', 'begun', string.format('%.0f', now))
redis.call('ZADD', P .. 'imports', now + look_ms, import)
return 1
