-- Make a run, unless its source has an open run of this resource, or its slot had its run already. A run that the brake
-- stopped does not keep a scheduled run from starting.
-- ARGV: source/resource (source/resource/dry for a dry run), how many runs are kept, slot name or '', slot in ms, field, value, field, value, ...
-- Returns {1, number} for a new run, {0, number} of the open one, {2, ''} when the slot is done.
local name, slot, slot_ms = ARGV[1], ARGV[3], tonumber(ARGV[4])
if slot ~= '' and tonumber(redis.call('HGET', P .. 'slots', slot) or '0') >= slot_ms then return {2, ''} end
local open = redis.call('HGET', P .. 'runs:open', name)
local state = open and redis.call('HGET', P .. 'run:' .. open, 'state')
-- a run that the brake stopped waits for an operator: scheduled runs do not wait for it
local may_pass = slot ~= '' and state == 'stopped' and redis.call('HGET', P .. 'run:' .. open, 'braked') == '1'
if state and not may_pass then return {0, open} end
if slot ~= '' then redis.call('HSET', P .. 'slots', slot, ARGV[4]) end
local number = tostring(redis.call('INCR', P .. 'run:seq'))
local key, now = P .. 'run:' .. number, string.format('%.0f', now_ms())
redis.call('HSET', key, 'v', '0', 'started', now, 'updated', now, unpack(ARGV, 5))
redis.call('HSET', P .. 'runs:open', name, number)
redis.call('ZADD', P .. 'runs', now, number)
for _, old in ipairs(redis.call('ZRANGE', P .. 'runs', 0, -tonumber(ARGV[2]) - 1)) do
  local was = redis.call('HGET', P .. 'run:' .. old, 'state')
  -- one that waits for a person, or is at work, is kept however old it is
  if not was or was == 'done' or was == 'cancelled' then
    redis.call('ZREM', P .. 'runs', old)
    redis.call('DEL', P .. 'run:' .. old, P .. 'run:' .. old .. ':seen', P .. 'run:' .. old .. ':held')
  end
end
return {1, number}
