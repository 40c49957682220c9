-- What needs a wake-up, once a second for all workers together. ARGV[1]: how long the sweep is held, in ms.
-- Returns {0} when another worker sweeps, else {1, lane, lane, ...} with `inbox` for waiting requests.
if not redis.call('SET', P .. 'wake:sweep', '1', 'NX', 'PX', ARGV[1]) then return {0} end
local now = now_ms()
local found = {1}
if redis.call('EXISTS', P .. 'inbox') == 1 and redis.call('XLEN', P .. 'inbox') > 0 and wake('inbox') then
  found[#found + 1] = 'inbox'
end
for _, lane in ipairs(redis.call('SMEMBERS', P .. 'lanes')) do
  local due = redis.call('ZCOUNT', P .. 'lease:' .. lane, '-inf', now)
  for prio = 0, 2 do due = due + redis.call('ZCOUNT', qkey(lane, prio), '-inf', now) end
  if due > 0 then
    local open_until = tonumber(redis.call('HGET', P .. 'brk:' .. lane, 'until') or '0')
    if open_until <= now and wake('deliver:' .. lane) then found[#found + 1] = lane end
  end
end
return found
