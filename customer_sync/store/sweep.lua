-- Find what needs a wake-up, once a second for all workers together. ARGV[1]: ms before the next sweep may run.
-- Returns {0} when another worker sweeps, else {1, name, name, ...}: `inbox` for waiting requests, a lane whose items are
-- due, `bulk:<lane>` where the bulk gear has work, `follow` when imports are to be looked at.
if not redis.call('SET', P .. 'wake:sweep', '1', 'NX', 'PX', ARGV[1]) then return {0} end
local now = now_ms()
local found = {1}
if redis.call('EXISTS', P .. 'inbox') == 1 and redis.call('XLEN', P .. 'inbox') > 0 and wake('inbox') then
  found[#found + 1] = 'inbox'
end
if redis.call('ZCOUNT', P .. 'imports', '-inf', now) > 0 and wake('follow') then found[#found + 1] = 'follow' end
for _, lane in ipairs(redis.call('HKEYS', P .. 'lanes')) do
  local is_geared = lane_is(lane, 'g')
  local open_until = redis.call('HGET', P .. 'brk:' .. lane, 'until')
  local bulk = redis.call('ZCOUNT', qkey(lane, 2), '-inf', now)
  local live = redis.call('ZCOUNT', qkey(lane, 1), '-inf', now)
  local due = redis.call('ZCOUNT', P .. 'lease:' .. lane, '-inf', now) + live
  due = due + redis.call('ZCOUNT', qkey(lane, 0), '-inf', now)
  -- the bulk gear never makes the first try after a pause
  if not is_geared or open_until then due = due + bulk end
  if due > 0 and tonumber(open_until or '0') <= now and wake('deliver:' .. lane) then found[#found + 1] = lane end
  local has_work = bulk > 0 or live > 100 or redis.call('EXISTS', P .. 'loaded:' .. lane) == 1
  if is_geared and not open_until and has_work and wake('bulk:' .. lane) then
    found[#found + 1] = 'bulk:' .. lane
  end
end
return found
