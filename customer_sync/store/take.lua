-- Lease due items of a lane: urgent first, then live, then bulk, which gets all that is left and a tenth at least.
-- ARGV: lane, how many, lease in ms. Returns {state, wait_ms, token, items} with state taken, probe (after
-- a pause), empty or closed; an item is
-- {target, tries, since, prio, record or '', change, change, ...}
local lane, n, lease_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()

local word = 'taken'
local open_until = redis.call('HGET', P .. 'brk:' .. lane, 'until')
if open_until then
  if tonumber(open_until) > now then return {'closed', tonumber(open_until) - now, '', {}} end
  -- one probe at a time: whoever takes now holds the others off for the length of a lease
  redis.call('HSET', P .. 'brk:' .. lane, 'until', now + lease_ms)
  n, word = 1, 'probe'
end

-- what a dead worker held is due again
local ended = redis.call('ZRANGEBYSCORE', P .. 'lease:' .. lane, '-inf', now, 'LIMIT', 0, 1000)
for _, target in ipairs(ended) do
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), now, target)
end

local function due(prio, count)
  if count <= 0 then return {} end
  return redis.call('ZRANGEBYSCORE', qkey(lane, prio), '-inf', now, 'LIMIT', 0, count)
end

local picked = {}
local function pick(prio, targets)
  for _, target in ipairs(targets) do picked[#picked + 1] = {target, prio} end
end

local urgent = due(0, n)
pick(0, urgent)
local room = n - #urgent
local bulk = room > 1 and due(2, math.max(1, math.floor(n / 10))) or {}
local live = due(1, room - #bulk)
pick(1, live)
if #urgent + #live + #bulk < n then bulk = due(2, n - #urgent - #live) end
pick(2, bulk)

if #picked == 0 then
  local next_due
  for prio = 0, 2 do
    local first = redis.call('ZRANGE', qkey(lane, prio), 0, 0, 'WITHSCORES')
    if first[2] and (not next_due or tonumber(first[2]) < next_due) then next_due = tonumber(first[2]) end
  end
  return {'empty', next_due and math.max(1, next_due - now) or -1, '', {}}
end

local token = tostring(redis.call('INCR', P .. 'tokens'))
local items = {}
for i, pair in ipairs(picked) do
  local target, prio = pair[1], pair[2]
  redis.call('ZREM', qkey(lane, prio), target)
  redis.call('ZADD', P .. 'lease:' .. lane, now + lease_ms, target)
  local changes = redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. target, 0, -1)
  redis.call('HSET', P .. 'tok:' .. lane, target, token .. '|' .. #changes)
  items[i] = {
    target, redis.call('HGET', P .. 'tries:' .. lane, target) or '0',
    redis.call('ZSCORE', P .. 'since:' .. lane, target) or tostring(now), prio,
    lane == 'contacts' and redis.call('GET', P .. 'p:' .. target) or '', unpack(changes),
  }
end
return {word, 0, token, items}
