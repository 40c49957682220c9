-- Lease due items of a lane.
-- ARGV: lane, how many, lease in ms, which; for `bulk` further: a token to continue with or '', from how many items an
-- import is worth while, after how many ms any number is, how many live items make a backlog, how many requests in the
-- inbox say that more is about to come; for `live` further: the lane's limit, or '' for a lane without a bulk gear, and
-- the same two numbers. `which` is
--   all     urgent first, then live, then bulk; bulk items get the remaining places, and at least a tenth
--   live    urgent first, then live; bulk items are left to the bulk gear, and where no limit makes calls rare a burst
--           of live items, too
--   bulk    items that the bulk gear has not looked at yet: bulk items, and live items when they make a backlog
--   single  bulk items that the bulk gear has looked at and given back
-- Returns {state, wait_ms, token, items} with state taken, probe (after a pause), empty, closed, or left (a burst is
-- left to the bulk gear); an item is
-- {target, tries, since, prio, record or '', mark of an import or '', changes, old}; `old` is {} or, where the contact of
-- an old address is to become the one of this person, {target, record, mark, changes}: it is leased, too; its own
-- changes are only shown.
local lane, n, lease_ms, which = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local now = now_ms()

local word = 'taken'
local open_until = redis.call('HGET', P .. 'brk:' .. lane, 'until')
if open_until then
  if tonumber(open_until) > now + PAUSE_MS then open_until = '0' end
  if tonumber(open_until) > now then return {'closed', tonumber(open_until) - now, '', {}} end
  -- after a pause one worker tries one item, and the others wait until its lease ends; the bulk gear waits, too
  if which == 'bulk' or which == 'single' then return {'closed', 1000, '', {}} end
  redis.call('HSET', P .. 'brk:' .. lane, 'until', now + lease_ms)
  n, word, which = 1, 'probe', 'all'
end

-- what a dead worker held is due again; so is what ends later than any lease may: the clock was set back since
local MOST_MS = 3600000
local ended = redis.call('ZRANGEBYSCORE', P .. 'lease:' .. lane, '-inf', now, 'LIMIT', 0, 1000)
for _, target in ipairs(redis.call('ZRANGEBYSCORE', P .. 'lease:' .. lane, now + MOST_MS, '+inf', 'LIMIT', 0, 1000)) do
  ended[#ended + 1] = target
end
for _, target in ipairs(ended) do
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due_after_lease(lane, target, now), target)
end

local function due(prio, count)
  if count <= 0 then return {} end
  return redis.call('ZRANGEBYSCORE', qkey(lane, prio), '-inf', now, 'LIMIT', 0, count)
end

-- picked: {target, prio, due}
local picked = {}
local function pick(prio, targets)
  for _, target in ipairs(targets) do picked[#picked + 1] = {target, prio} end
end

local function looked(prio)
  local at = tonumber(redis.call('HGET', P .. 'looked:' .. lane, prio) or '0')
  return at > now and 0 or at -- the clock was set back: look at everything again
end

-- Pick items that the bulk gear has not looked at, in the order of their due times, and store the last due time. Items
-- due in this very millisecond are left for the next time: more of them may come.
local function pick_fresh(prio, count)
  local from, till = '(' .. string.format('%.0f', looked(prio)), string.format('%.0f', now - 1)
  local found = redis.call('ZRANGEBYSCORE', qkey(lane, prio), from, till, 'WITHSCORES', 'LIMIT', 0, count)
  local last = found[#found]
  if not last then return end
  if #found == 2 * count then
    -- items with the same due time would count as looked at: take them as well
    local same = redis.call('ZRANGEBYSCORE', qkey(lane, prio), last, last, 'LIMIT', 0, 2000)
    local known = {}
    for i = 1, #found, 2 do known[found[i]] = true end
    for _, target in ipairs(same) do
      if not known[target] then found[#found + 1] = target; found[#found + 1] = last end
    end
  end
  for i = 1, #found, 2 do picked[#picked + 1] = {found[i], prio, found[i + 1]} end
  redis.call('HSET', P .. 'looked:' .. lane, prio, last)
end

-- Return the ms until an import is worth while; -1 without bulk items
local function until_ripe()
  local from = '(' .. string.format('%.0f', looked(2))
  local first = redis.call('ZRANGEBYSCORE', qkey(lane, 2), from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[2] then return -1 end
  if redis.call('ZCOUNT', qkey(lane, 2), from, now - 1) >= tonumber(ARGV[6]) then return 0 end
  return math.max(0, tonumber(first[2]) + tonumber(ARGV[7]) - now)
end

-- Whether a burst has only begun: live items wait that the bulk gear has not looked at, none of them for long. What
-- waits for longer is sent in any case.
local BURST_MS = 3000
local function is_young()
  local from = '(' .. string.format('%.0f', looked(1))
  local first = redis.call('ZRANGEBYSCORE', qkey(lane, 1), from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return first[2] and now - tonumber(first[2]) < BURST_MS
end

-- Whether many requests wait to be read: what they say of the same people goes along with one call, or one import.
local function is_behind(requests)
  return redis.call('EXISTS', P .. 'inbox') == 1 and redis.call('XLEN', P .. 'inbox') > tonumber(requests)
end

-- Whether the bulk gear is to have the live items: single calls would be many, and an import may begin.
local function is_for_gear()
  if which ~= 'live' or (ARGV[5] or '') == '' or redis.call('HGET', P .. 'lim:' .. ARGV[5], 'rps') ~= '0' then return false end
  if redis.call('HLEN', P .. 'imports:slots') > 0 or not is_young() then return false end
  if is_behind(ARGV[7]) then return true end
  local fresh = redis.call('ZCOUNT', qkey(lane, 1), '(' .. string.format('%.0f', looked(1)), now)
  return fresh > tonumber(ARGV[6]) and redis.call('EXISTS', P .. 'useless:' .. lane) == 0
end

local LEFT_MS = 50 -- how soon it is looked again
local wait, is_left = -1, is_for_gear()
if which == 'bulk' then
  wait = until_ripe()
  if wait == 0 or (ARGV[5] ~= '' and wait > 0) then pick_fresh(2, n) end
  local has_backlog = redis.call('ZCOUNT', qkey(lane, 1), '-inf', now) > tonumber(ARGV[8])
    and redis.call('EXISTS', P .. 'useless:' .. lane) == 0
  if #picked < n and has_backlog and not (is_behind(ARGV[9]) and is_young()) then
    pick_fresh(1, n - #picked)
  end
elseif which == 'single' then
  pick(2, redis.call('ZRANGEBYSCORE', qkey(lane, 2), '-inf', looked(2), 'LIMIT', 0, n))
else
  local last = which == 'live' and 1 or 2
  local urgent = due(0, n)
  pick(0, urgent)
  local room = n - #urgent
  local bulk = last == 2 and room > 1 and due(2, math.max(1, math.floor(n / 10))) or {}
  local live = is_left and redis.call('ZRANGEBYSCORE', qkey(lane, 1), '-inf', looked(1), 'LIMIT', 0, room)
    or due(1, room - #bulk)
  pick(1, live)
  if last == 2 and #urgent + #live + #bulk < n then bulk = due(2, n - #urgent - #live) end
  pick(2, bulk)
  for prio = 0, last do
    local first = redis.call('ZRANGE', qkey(lane, prio), 0, 0, 'WITHSCORES')
    local until_due = first[2] and math.max(1, tonumber(first[2]) - now)
    if until_due and (wait < 0 or until_due < wait) then wait = until_due end
  end
end

-- The two persons of a rename are leased together, the old address as the companion of the new one. No worker calls
-- Brevo for the old address alone while its contact is about to get the new address.
local NEAR_MS = 100
local olds, is_paired = {}, lane_is(lane, 'p') and redis.call('EXISTS', P .. 'to:' .. lane) == 1
if is_paired then
  local kept, is_old = {}, {}
  -- put a person off until the other person of the rename is due; settling that one makes this one due again
  local function later(target, prio, other)
    local due_at = redis.call('ZSCORE', qkey(lane, prio_of(lane, other)), other)
    redis.call('ZADD', qkey(lane, prio), 'XX', math.max(now + NEAR_MS, tonumber(due_at or now) + 1), target)
  end
  for _, one in ipairs(picked) do
    local target, prio = one[1], one[2]
    local old, new = redis.call('HGET', P .. 'from:' .. lane, target), redis.call('HGET', P .. 'to:' .. lane, target)
    if new and not redis.call('ZSCORE', P .. 'since:' .. lane, new) then
      redis.call('HDEL', P .. 'from:' .. lane, new)
      redis.call('HDEL', P .. 'to:' .. lane, target)
      new = nil
    end
    if old and redis.call('HGET', P .. 'to:' .. lane, old) ~= target then
      -- of an earlier version: the contact of the old address went to another one
      redis.call('HDEL', P .. 'from:' .. lane, target)
      old = nil
    end
    if old and tonumber(redis.call('HGET', P .. 'tries:' .. lane, target) or '0') > 1 then
      -- the rename has failed twice: give the rename up, the new address gets a contact of its own
      redis.call('HDEL', P .. 'from:' .. lane, target)
      redis.call('HDEL', P .. 'to:' .. lane, old)
      old = nil
    end
    if new then later(target, prio, new)
    elseif not old then kept[#kept + 1] = one
    elseif redis.call('ZSCORE', P .. 'lease:' .. lane, old) then later(target, prio, old)
    elseif which == 'bulk' then kept[#kept + 1] = one; one[4] = old
    else kept[#kept + 1] = one; olds[target] = old; is_old[old] = true end
  end
  if #kept == 0 and #picked > 0 then return {'empty', NEAR_MS, '', {}} end
  picked = kept
end
if #picked == 0 and is_left then return {'left', LEFT_MS, '', {}} end
if #picked == 0 then return {'empty', wait, '', {}} end

local token = which == 'bulk' and ARGV[5] or ''
if token == '' then token = (which == 'bulk' and 'b' or '') .. redis.call('INCR', P .. 'tokens') end
local targets, stored, lists, tokens, leases, companions = {}, {}, {}, {}, {}, {}
local queues = {[0] = {}, {}, {}}
for i, one in ipairs(picked) do
  local target, prio, due_at = one[1], one[2], one[3]
  local changes = redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. target, 0, -1)
  targets[i], stored[i], lists[i] = target, record_key(lane, target), changes
  table.insert(queues[prio], target)
  table.insert(leases, now + lease_ms); table.insert(leases, target)
  table.insert(tokens, target)
  table.insert(tokens, token .. '|' .. #changes .. (due_at and '|' .. due_at or ''))
  local old = olds[target]
  if old then
    companions[#companions + 1] = old
    table.insert(queues[prio_of(lane, old)], old)
    table.insert(leases, now + lease_ms); table.insert(leases, old)
    table.insert(tokens, old); table.insert(tokens, token .. '|0')
  end
end
for prio = 0, 2 do many('ZREM', qkey(lane, prio), queues[prio]) end
many('ZADD', P .. 'lease:' .. lane, leases)
many('HSET', P .. 'tok:' .. lane, tokens)
many('HDEL', P .. 'cut:' .. lane, targets)
many('HDEL', P .. 'cut:' .. lane, companions)
local keeps = lane_is(lane, 'p') or lane_is(lane, 'r')
local tries, since = many('HMGET', P .. 'tries:' .. lane, targets), many('ZMSCORE', P .. 'since:' .. lane, targets)
local records = keeps and many('MGET', nil, stored)
local marks = lane_is(lane, 'g') and many('HMGET', P .. 'mark:' .. lane, targets)

local items = {}
for i, target in ipairs(targets) do
  local old = olds[target] or picked[i][4]
  local companion = old and {old, redis.call('GET', record_key(lane, old)) or '',
    redis.call('HGET', P .. 'mark:' .. lane, old) or '', redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. old, 0, -1)} or {}
  items[i] = {
    target, tries[i] or '0', since[i] or tostring(now), picked[i][2], records and records[i] or '',
    marks and marks[i] or '', lists[i], companion,
  }
end
return {word, 0, token, items}
