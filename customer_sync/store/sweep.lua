-- Find what needs a wake-up, once a second for all workers together. ARGV[1]: ms before the next sweep may run.
-- Returns {0} when another worker sweeps, else {1, name, name, ...}: `inbox` for waiting requests, a lane whose items are
-- due, `bulk:<lane>` where the bulk gear has work, `follow` when imports are to be looked at.
if not claim(P .. 'wake:sweep', '1', tonumber(ARGV[1])) then return {0} end
local now = now_ms()
local found = {1}

-- Move the times of a sorted set that lie ahead by as much as the clock was set back. What was due then is due now; of
-- what was not, only where `is_ours` says that its time was reckoned by this clock.
local function move_back(key, last, is_ours)
  local function move(found)
    local moved = {}
    for i = 1, #found, 2 do
      if tonumber(found[i + 1]) <= last or is_ours(found[i]) then
        table.insert(moved, string.format('%.0f', tonumber(found[i + 1]) - (last - now)))
        table.insert(moved, found[i])
      end
    end
    many('ZADD', key, moved)
  end
  repeat -- each part leaves this range by being moved
    local due = redis.call('ZRANGEBYSCORE', key, '(' .. string.format('%.0f', now), last, 'WITHSCORES', 'LIMIT', 0, 1000)
    move(due)
  until #due == 0
  move(redis.call('ZRANGEBYSCORE', key, '(' .. string.format('%.0f', last), '+inf', 'WITHSCORES'))
end

-- The same of single times in a hash; all of them were reckoned by this clock.
local function move_fields_back(key, last, fields)
  for _, field in ipairs(fields) do
    local at = tonumber(redis.call('HGET', key, field) or '0')
    if at > now then redis.call('HSET', key, field, string.format('%.0f', at - (last - now))) end
  end
end

-- Runs that wait, slots that were done, and how far sources were read: else nothing would be read until the clock is
-- there again, and what changed meanwhile not even then.
local function move_runs_back(last)
  move_fields_back(P .. 'slots', last, redis.call('HKEYS', P .. 'slots'))
  local reaches = {}
  for _, number in ipairs(redis.call('ZRANGE', P .. 'runs', 0, -1)) do
    local key = P .. 'run:' .. number
    move_fields_back(key, last, {'due', 'started'})
    local of = redis.call('HMGET', key, 'source', 'resource')
    if of[1] and of[2] then reaches[P .. 'reach:' .. of[1] .. ':' .. of[2]] = true end
  end
  for key in pairs(reaches) do move_fields_back(key, last, redis.call('HKEYS', key)) end
end

local STEP_MS = 2000 -- less is no step: sweeps are a second apart
local last = tonumber(redis.call('GET', P .. 'clock') or now)
redis.call('SET', P .. 'clock', string.format('%.0f', now))
if last - now > STEP_MS then
  local function all() return true end
  move_back(P .. 'imports', last, all)
  move_runs_back(last)
  for _, lane in ipairs(redis.call('HKEYS', P .. 'lanes')) do
    local function is_ours(target) -- a time that was asked for in so many words stays
      return lane_is(lane, 'p') or redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 1
    end
    move_back(P .. 'lease:' .. lane, last, all)
    for prio = 0, 2 do move_back(qkey(lane, prio), last, is_ours) end
  end
end
if redis.call('EXISTS', P .. 'inbox') == 1 and redis.call('XLEN', P .. 'inbox') > 0 and wake('inbox') then
  found[#found + 1] = 'inbox'
end
if redis.call('ZCOUNT', P .. 'imports', '-inf', now) > 0 and wake('follow') then found[#found + 1] = 'follow' end
for _, lane in ipairs(redis.call('HKEYS', P .. 'lanes')) do
  local is_geared = lane_is(lane, 'g')
  local open_until = redis.call('HGET', P .. 'brk:' .. lane, 'until')
  if open_until and tonumber(open_until) > now + PAUSE_MS then open_until = '0' end
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
