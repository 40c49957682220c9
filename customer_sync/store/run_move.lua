-- Bring a run to another state. ARGV: run, the allowed present states (a,b,c), the new state, 1 when the new state ends
-- the run, field, value, ... Returns 1, or 0 when the run is in another state, or may not run while another run does.
local key = P .. 'run:' .. ARGV[1]
-- a dry run has a lock of its own: it sends nothing and hinders nobody
local function lock()
  local of = redis.call('HMGET', key, 'source', 'resource', 'dry')
  return of[1] .. '/' .. of[2] .. (of[3] == '1' and '/dry' or '')
end
local state = redis.call('HGET', key, 'state')
if not state or not string.find(',' .. ARGV[2] .. ',', ',' .. state .. ',', 1, true) then return 0 end
if ARGV[3] == 'running' and state ~= 'running' then
  -- a scheduled run may have taken the lock of a run that the brake stopped
  local open = redis.call('HGET', P .. 'runs:open', lock())
  if open and open ~= ARGV[1] then return 0 end
  redis.call('HSET', P .. 'runs:open', lock(), ARGV[1])
end
local now = string.format('%.0f', now_ms())
redis.call('HSET', key, 'state', ARGV[3], 'updated', now)
if #ARGV > 4 then redis.call('HSET', key, unpack(ARGV, 5)) end
if state ~= ARGV[3] then redis.call('HINCRBY', key, 'v', 1) end
if ARGV[4] == '1' then
  redis.call('HSET', key, 'ended', now)
  if redis.call('HGET', P .. 'runs:open', lock()) == ARGV[1] then redis.call('HDEL', P .. 'runs:open', lock()) end
  redis.call('DEL', key .. ':seen', key .. ':held')
end
return 1
