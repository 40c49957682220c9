-- Note what an answer of Brevo showed of some addresses, and how far the read is, in one step.
-- ARGV: turn, ms that the turn lasts from now, how far the read is, 1 where the read begins,
--   how many addresses were shown unblocked, their fingerprints..., the fingerprints of those shown otherwise...
-- Returns 1, or 0 when the turn is another's.
local turn, shown, otherwise = P .. 'read:turn', P .. 'read:shown', P .. 'read:otherwise'
if redis.call('GET', turn) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', turn, ARGV[2])
if ARGV[4] == '1' then
  redis.call('DEL', shown, otherwise)
  redis.call('HSET', P .. 'read', 'begun_last', redis.call('GET', P .. 'seq') or '0')
end
redis.call('HSET', P .. 'read', 'progress', ARGV[3])
local last = 5 + tonumber(ARGV[5])
for i = 6, #ARGV do
  local person = mailbox(ARGV[i])
  if person then
    redis.call('SETBIT', i > last and otherwise or shown, person, 1)
  end
end
return 1
