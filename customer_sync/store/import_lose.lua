-- Note that an import which was sent, or being sent, never came to Brevo. ARGV: import, when it was about to be sent.
-- Returns 0 when its worker has noted since that it sends it now.
local key = P .. 'import:' .. ARGV[1]
if redis.call('HGET', key, 'begun') ~= ARGV[2] then return 0 end
local state = redis.call('HGET', key, 'state')
if state == 'sending' or state == 'sent' then redis.call('HSET', key, 'state', 'lost') end
return 1
