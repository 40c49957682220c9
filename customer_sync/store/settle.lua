-- Write what became of leased items. A lease that has ended or was given to another changes nothing.
-- ARGV[1]: lane; ARGV[2]: token; ARGV[3]: JSON list of
--   {target, verdict: done|again|back|solo|parked|erased, due_in, burns, tries, record, parked: [id, json], at: ms,
--    fps: [...], refs: [...], row: [...]}
-- `back` returns an item untouched to the place in the line that it had; `solo` keeps it out of imports from now on.
-- ARGV[4]: rows of the ledger; then target, record, target, record, ... of what is simply done.
-- Returns JSON {stale: [target...], wake: bool}
local lane, token, list = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local now = now_ms()
local is_import = string.sub(token, 1, 1) == 'i'
for i = 5, #ARGV, 2 do list[#list + 1] = {target = ARGV[i], verdict = 'done', record = ARGV[i + 1]} end

local targets = {}
for i, item in ipairs(list) do targets[i] = item.target end
local held, ends = many('HMGET', P .. 'tok:' .. lane, targets), many('ZMSCORE', P .. 'lease:' .. lane, targets)
local marks = lane == 'contacts' and many('HMGET', P .. 'flown:' .. lane, targets) or {}

-- what goes in one command for all
local ours, records, unmarked, tried, ended, lists = {}, {}, {}, {}, {}, {}
local stale, again_now, airborne, seen = {}, false, {}, {}

local function requeue(target, due)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
end

local function place(target) -- where the bulk gear has looked already
  local looked = tonumber(redis.call('HGET', P .. 'looked:' .. lane, prio_of(lane, target)) or now)
  return math.min(looked, now)
end

-- The mark of an import goes once somebody has written what Brevo has, and the import can change nothing any more.
local function unmark(target, mark)
  if not mark then return end
  local import = string.match(mark, '^(.-)|')
  if airborne[import] == nil then airborne[import] = redis.call('ZSCORE', P .. 'imports', import) and true or false end
  if is_import or not airborne[import] then table.insert(unmarked, target) end
end

local function trim(target, taken)
  local key = P .. 'c:' .. lane .. ':' .. target
  table.insert(tried, target)
  if redis.call('LLEN', key) <= taken then
    table.insert(lists, key)
    table.insert(ended, target)
  else
    redis.call('LTRIM', key, taken, -1)
    redis.call('HINCRBY', P .. 'ver:' .. lane, target, 1)
    redis.call('ZADD', P .. 'since:' .. lane, now, target)
    requeue(target, now)
    again_now = true
  end
end

local function erase(item)
  for _, fp in ipairs(item.fps) do
    local owner = redis.call('HGET', em_key(fp), fp)
    if owner == item.target or owner == '*' .. item.target then redis.call('HDEL', em_key(fp), fp) end
    redis.call('HSET', P .. 'tomb', 'e:' .. fp, item.at)
  end
  for _, ref in ipairs(item.refs) do
    local known = read_ref(ref)
    if known and known.person == item.target then redis.call('HDEL', ref_key(ref), ref) end
    redis.call('HSET', P .. 'tomb', 'r:' .. ref, item.at)
  end
  redis.call('HSET', P .. 'tomb', 'p:' .. item.target, item.at)
  redis.call('DEL', P .. 'p:' .. item.target)
  redis.call('HDEL', P .. 'refn', item.target)
  drop(lane, item.target)
end

local function solo(item, mark)
  -- the import is over for this row: nothing that is done now needs to wait for it
  if is_import and mark then
    redis.call('HSET', P .. 'flown:' .. lane, item.target, '-' .. string.match(mark, '|.*$'))
  end
  local tries = tonumber(redis.call('HGET', P .. 'tries:' .. lane, item.target) or '0')
  redis.call('HSET', P .. 'tries:' .. lane, item.target, math.max(tries, item.tries))
  requeue(item.target, place(item.target))
end

for i, item in ipairs(list) do
  local held_token, taken, due = string.match(held[i] or '', '^(.-)|(%d+)|?(.*)$')
  if held_token ~= token or not ends[i] or seen[item.target] then
    stale[#stale + 1] = item.target
    -- taken back and done meanwhile: this import was the last that could tell
    if is_import and not redis.call('ZSCORE', P .. 'since:' .. lane, item.target) then unmark(item.target, marks[i]) end
  else
    seen[item.target] = true
    table.insert(ours, item.target)
    if item.record and item.verdict ~= 'erased' then
      table.insert(records, P .. 'p:' .. item.target)
      table.insert(records, item.record)
    end
    if item.verdict == 'again' then
      if item.burns then redis.call('HINCRBY', P .. 'tries:' .. lane, item.target, 1) end
      requeue(item.target, now + item.due_in)
    elseif item.verdict == 'back' then requeue(item.target, tonumber(due) or now)
    elseif item.verdict == 'solo' then solo(item, marks[i])
    elseif item.verdict == 'erased' then erase(item)
    else
      if item.verdict == 'parked' then
        redis.call('HSET', P .. 'parked', item.parked[1], item.parked[2])
        redis.call('ZADD', P .. 'parked:at', now, item.parked[1])
      end
      if item.record then unmark(item.target, marks[i]) end
      trim(item.target, tonumber(taken))
    end
    if item.row then redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[4], '*', unpack(item.row)) end
  end
end
many('ZREM', P .. 'lease:' .. lane, ours)
many('HDEL', P .. 'tok:' .. lane, ours)
many('MSET', nil, records)
many('HDEL', P .. 'flown:' .. lane, unmarked)
many('HDEL', P .. 'tries:' .. lane, tried)
many('DEL', nil, lists)
many('ZREM', P .. 'since:' .. lane, ended)
many('HDEL', P .. 'prio:' .. lane, ended)
many('HDEL', P .. 'ver:' .. lane, ended)
return cjson.encode({stale = stale, wake = again_now and wake('deliver:' .. lane)})
