-- Write what became of leased items. A lease that has ended or was given to another changes nothing.
-- ARGV[1]: lane; ARGV[2]: token; ARGV[3]: JSON list of
--   {target, verdict: done|again|back|solo|parked|erased, due_in, burns, record, parked: [id, json], at: ms,
--    fps: [...], refs: [...], row: [...]}
-- `back` returns an item untouched to the place in the line that it had; `solo` keeps it out of imports from now on.
-- ARGV[4]: rows of the ledger. Returns JSON {stale: [target...], wake: bool}
local lane, token, list = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local now = now_ms()
local stale, again_now = {}, false
local is_import = string.sub(token, 1, 1) == 'i'

local function requeue(target, due)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
end

local function place(target) -- where the bulk gear has looked already
  local looked = tonumber(redis.call('HGET', P .. 'looked:' .. lane, prio_of(lane, target)) or now)
  return math.min(looked, now)
end

-- The mark of an import goes once somebody has written what Brevo has, and the import can change nothing any more.
local function unmark(target, is_landing)
  local mark = redis.call('HGET', P .. 'flown:' .. lane, target)
  if mark and (is_landing or not redis.call('ZSCORE', P .. 'imports', string.match(mark, '^(.-)|'))) then
    redis.call('HDEL', P .. 'flown:' .. lane, target)
  end
end

local function trim(item, taken)
  local key = P .. 'c:' .. lane .. ':' .. item.target
  redis.call('LTRIM', key, taken, -1)
  redis.call('HDEL', P .. 'tries:' .. lane, item.target)
  if redis.call('EXISTS', key) == 0 then
    redis.call('ZREM', P .. 'since:' .. lane, item.target)
    redis.call('HDEL', P .. 'prio:' .. lane, item.target)
    redis.call('HDEL', P .. 'ver:' .. lane, item.target)
  else
    redis.call('HINCRBY', P .. 'ver:' .. lane, item.target, 1)
    redis.call('ZADD', P .. 'since:' .. lane, now, item.target)
    requeue(item.target, now)
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

for _, item in ipairs(list) do
  local held = redis.call('HGET', P .. 'tok:' .. lane, item.target)
  local held_token, taken, due = string.match(held or '', '^(.-)|(%d+)|?(.*)$')
  local lease = redis.call('ZSCORE', P .. 'lease:' .. lane, item.target)
  if held_token ~= token or not lease then
    stale[#stale + 1] = item.target
    -- taken back and done meanwhile: this import was the last that could tell
    if is_import and not redis.call('ZSCORE', P .. 'since:' .. lane, item.target) then unmark(item.target, true) end
  else
    redis.call('ZREM', P .. 'lease:' .. lane, item.target)
    redis.call('HDEL', P .. 'tok:' .. lane, item.target)
    if item.record and item.verdict ~= 'erased' then redis.call('SET', P .. 'p:' .. item.target, item.record) end
    if item.verdict == 'erased' then erase(item)
    elseif item.verdict == 'again' then
      if item.burns then redis.call('HINCRBY', P .. 'tries:' .. lane, item.target, 1) end
      requeue(item.target, now + item.due_in)
    elseif item.verdict == 'back' then
      requeue(item.target, tonumber(due) or now)
    elseif item.verdict == 'solo' then
      local tries = tonumber(redis.call('HGET', P .. 'tries:' .. lane, item.target) or '0')
      redis.call('HSET', P .. 'tries:' .. lane, item.target, math.max(tries, item.tries))
      requeue(item.target, place(item.target))
    else
      if item.verdict == 'parked' then
        redis.call('HSET', P .. 'parked', item.parked[1], item.parked[2])
        redis.call('ZADD', P .. 'parked:at', now, item.parked[1])
      end
      if item.record then unmark(item.target, is_import) end
      trim(item, tonumber(taken))
    end
    if item.row then redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[4], '*', unpack(item.row)) end
  end
end
return cjson.encode({stale = stale, wake = again_now and wake('deliver:' .. lane)})
