-- Begin an import: give it a free slot and note the import, before anything is sent.
-- ARGV: lane, number of slots, ms until the import is looked at again, letters before its number: they tell what it does.
-- Returns {import, slot}, or {} while another import runs, be it one of a proof.
local lane, slots, look_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
if redis.call('HLEN', P .. 'imports:slots') > 0 then return {} end
if redis.call('EXISTS', P .. 'proof:import') == 1 then return {} end
for slot = 1, slots do
  local is_resting = redis.call('EXISTS', P .. 'imports:rest:' .. slot) == 1
  if not is_resting then
    local import = ARGV[4] .. redis.call('INCR', P .. 'tokens')
    redis.call('HSET', P .. 'imports:slots', slot, import)
    redis.call('HSET', P .. 'import:' .. import, 'lane', lane, 'slot', slot, 'state', 'opened',
      'begun', string.format('%.0f', now))
    redis.call('ZADD', P .. 'imports', now + look_ms, import)
    return {import, slot}
  end
end
return {}
