-- Write what became of leased items. A lease that has ended or was given to another changes nothing.
-- ARGV[1]: lane; ARGV[2]: token; ARGV[3]: JSON list of
--   {target, verdict: done|again|back|solo|parked|erased, due_in or due_at: ms, untried, burns, tries, urgent, record, parked: [id, json],
--    old: {target, record}, left: change, found: change, tell: [[target, change], ...], wants: [value, ...], frees: [[value, change], ...],
--    at: ms, fps: [...], refs: [...], kept: [...], withdrawn: ms, row: [...], next: ms, counts: [[skill, field, by], ...]}
--   verdict  `back`: untried, the item keeps its due time; `solo`: from now on not in imports; `erased`: remove the
--            person except what is newer than the erasure (`record`, '' for nothing; `kept` are its refs)
--   old      the old address's person, leased together with this item (a rename)
--   tell     changes for other persons
--   wants    unique values that this contact could not get, because another contact has them
--   frees    unique values that this contact gave up, each with the change for the persons that want it
--   left     the same change for records that led to this person before
--   next     when the record is due again, although nothing changed
--   counts   what is added to the counts of skills, once for each item that is settled
--   found    a withdrawal just read in Brevo: for records that moved away while the contact was read
-- ARGV[4]: rows of the ledger; then target, record, target, record, ... of items that are done and need nothing else.
-- Returns JSON {stale: [target...], wake: bool}
local lane, token, list = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local now = now_ms()
local is_import = string.sub(token, 1, 1) == 'i'
for i = 5, #ARGV, 2 do list[#list + 1] = {target = ARGV[i], verdict = 'done', record = ARGV[i + 1]} end

local targets = {}
for i, item in ipairs(list) do targets[i] = item.target end
local held, ends = many('HMGET', P .. 'tok:' .. lane, targets), many('ZMSCORE', P .. 'lease:' .. lane, targets)
local marks = lane_is(lane, 'g') and many('HMGET', P .. 'mark:' .. lane, targets) or {}
local keeps_people = lane_is(lane, 'p')
local has_cuts = redis.call('EXISTS', P .. 'cut:' .. lane) == 1

-- collected here, and sent in one command for all items
local ours, records, unmarked, tried, ended, lists = {}, {}, {}, {}, {}, {}
local stale, again_now, running, seen, nexts = {}, false, {}, {}, {}

local function requeue(target, due)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
end

local function place(target) -- where the bulk gear has looked already
  local looked = tonumber(redis.call('HGET', P .. 'looked:' .. lane, prio_of(lane, target)) or now)
  return math.min(looked, now)
end

local function import_of(mark) return mark and string.match(mark, '^(.-)|') end

local function is_updating(mark) return mark and string.sub(mark, 1, 2) == 'iu' end

local function is_running(import)
  if running[import] == nil then running[import] = redis.call('ZSCORE', P .. 'imports', import) and true or false end
  return running[import]
end

-- Remove the mark of an import after a worker has stored what Brevo has, if the import can change nothing any more.
local function unmark(target, mark)
  if not mark then return end
  if import_of(mark) == '!' .. token then
    -- the import ended during this very lease: it may have overwritten what this worker has written
    redis.call('HSET', P .. 'mark:' .. lane, target, '!' .. string.match(mark, '|.*$'))
  elseif is_import or not is_running(import_of(mark)) then table.insert(unmarked, target) end
end

-- What an import that updates is: `unsent`, `overdue` (nobody waits for it, and it may still change contacts), or `over`.
local fate, is_sent
local function fate_of_import()
  if not fate then
    local state = redis.call('HGET', P .. 'import:' .. token, 'state')
    is_sent = state == 'sent'
    fate = (state == 'opened' or state == 'refused') and 'unsent' or state == 'overdue' and state or 'over'
  end
  return fate
end

-- An import that updates has ended for a row that is not settled with its record. `!` instead of the import's name: the
-- import may have overwritten what was written meanwhile and lifted a block, so everything is sent again. Behind the `!`
-- stands the token of a lease under which a worker may have made its calls before that. An import that was not sent
-- leaves what the one before it left.
local function shake(target, mark, holder)
  if fate_of_import() == 'unsent' then
    local before = redis.call('HGET', P .. 'import:' .. token .. ':before', target)
    if before then redis.call('HSET', P .. 'mark:' .. lane, target, before) else table.insert(unmarked, target) end
  elseif fate == 'over' then
    redis.call('HSET', P .. 'mark:' .. lane, target, '!' .. holder .. string.match(mark, '|.*$'))
  end
end

-- Note that urgent news came of a person whom a running import updates: its end must be found soon.
local function watch(target, mark)
  if is_import or not is_updating(mark) or prio_of(lane, target) ~= 0 or not is_running(import_of(mark)) then return end
  redis.call('SADD', P .. 'import:' .. import_of(mark) .. ':watched', target)
  redis.call('ZADD', P .. 'imports', 'XX', 'LT', now + 1000, import_of(mark))
end

-- Whether no change came for an item since the lease began.
local function is_all(target, taken) return redis.call('LLEN', P .. 'c:' .. lane .. ':' .. target) <= taken end

local function trim(target, taken)
  local key = P .. 'c:' .. lane .. ':' .. target
  table.insert(tried, target)
  if is_all(target, taken) then
    table.insert(lists, key)
    table.insert(ended, target)
  else
    redis.call('LTRIM', key, taken, -1)
    local due = due_after_lease(lane, target, now)
    redis.call('ZADD', P .. 'since:' .. lane, math.max(now, due), target)
    requeue(target, due)
    again_now = true
  end
end

-- Store a person's text or a record, without records that moved away during the lease.
local function store(target, record)
  local cut = has_cuts and redis.call('HGET', P .. 'cut:' .. lane, target)
  if cut then
    for ref in string.gmatch(cut, '%S+') do record = select(2, split(record, ref)) end
    redis.call('HDEL', P .. 'cut:' .. lane, target)
  end
  if string.find(record, '^%w\n$') then redis.call('DEL', record_key(lane, target)); return end
  table.insert(records, record_key(lane, target))
  table.insert(records, record)
end

local function erase(item, taken)
  local is_over = item.record == '' and is_all(item.target, taken)
  local stamp = string.format('%.0f', item.at)
  local withdrawn = item.withdrawn and '|' .. string.format('%.0f', item.withdrawn) or ''
  for _, fp in ipairs(item.fps) do
    if is_over and mailbox(fp) == item.target then index_drop(EM, fp) end
    redis.call('HSET', P .. 'tomb', 'e:' .. fp, stamp .. withdrawn)
  end
  local kept = {}
  for _, ref in ipairs(item.kept or {}) do kept[ref] = true end
  for _, ref in ipairs(item.refs) do
    local known = read_ref(ref)
    if is_over or (known and known.person == item.target and not kept[ref] and is_all(item.target, taken)) then
      index_drop(REF, ref)
      redis.call('HDEL', P .. 'formers', ref)
    end
    redis.call('HSET', P .. 'tomb', 'r:' .. ref, stamp)
  end
  local pending = redis.call('HGET', P .. 'tomb', 'p:' .. item.target)
  if pending and tonumber(pending) <= item.at then redis.call('HDEL', P .. 'tomb', 'p:' .. item.target) end
  redis.call('HDEL', P .. 'left', item.target)
  if is_over then
    redis.call('DEL', record_key(lane, item.target))
    drop(lane, item.target)
  else
    store(item.target, item.record)
    -- changes newer than the erasure are kept, as those of a new person
    redis.call('RPUSH', P .. 'c:' .. lane .. ':' .. item.target, LOOK)
    trim(item.target, taken)
  end
end

-- The token of the lease under which somebody has an item now; '' where nobody has it.
local function holder_of(target)
  return string.match(redis.call('HGET', P .. 'tok:' .. lane, target) or '', '^(.-)|') or ''
end

-- An import has ended for a row that live work took back. If the item has been delivered since, its mark is removed. If
-- the item still waits, its mark tells whether the import made the contact: `+` instead of the import's name for yes,
-- `-` for no.
-- After an import that updates, what live work wrote meanwhile is sent again; what was withdrawn goes first.
-- Who was told of when the last row was seen, and Brevo still ran, is told of once more at the end.
local function tell_of(item, mark)
  local again = P .. 'import:' .. token .. ':again'
  local rest = redis.call('HGET', again, item.target)
  if rest and fate_of_import() == 'over' and not is_sent then
    redis.call('HDEL', again, item.target)
    redis.call('HSET', P .. 'mark:' .. lane, item.target, '!' .. holder_of(item.target) .. rest)
    tell(item.target, 0, now, {LOOK})
    again_now = true
  elseif is_updating(mark) then
    if import_of(mark) ~= token then return end
    shake(item.target, mark, holder_of(item.target))
    if fate == 'over' then
      local is_watched = redis.call('SISMEMBER', P .. 'import:' .. token .. ':watched', item.target) == 1
      if is_watched and is_sent then redis.call('HSET', again, item.target, string.match(mark, '|.*$')) end
      tell(item.target, is_watched and 0 or 1, now, {LOOK})
      again_now = true
    end
  elseif import_of(mark) == token and redis.call('SISMEMBER', P .. 'import:' .. token .. ':joined', item.target) == 1 then
    -- the contact may have joined the lists after what live work has written
    shake(item.target, mark, holder_of(item.target))
    tell(item.target, 1, now, {LOOK})
    again_now = true
  elseif not redis.call('ZSCORE', P .. 'since:' .. lane, item.target) then unmark(item.target, mark)
  elseif mark and string.match(mark, '^(.-)|') == token and item.verdict ~= 'again' then
    local word = item.record and '+' or '-'
    redis.call('HSET', P .. 'mark:' .. lane, item.target, word .. string.match(mark, '|.*$'))
  end
end

local function solo(item, mark)
  -- the import has ended for this row: no later delivery needs to wait for the import
  if is_import and mark and not is_updating(mark) then
    redis.call('HSET', P .. 'mark:' .. lane, item.target, '-' .. string.match(mark, '|.*$'))
  end
  local tries = tonumber(redis.call('HGET', P .. 'tries:' .. lane, item.target) or '0')
  redis.call('HSET', P .. 'tries:' .. lane, item.target, math.max(tries, item.tries))
  requeue(item.target, place(item.target))
end

-- Settle the old address's person of a rename: its record is stored with the new one's, and its own changes wait again.
local function release(item, is_over)
  local old = item.old
  if old.record then
    store(old.target, old.record)
    -- the contact had the old address until now: withdrawals there until now count for the records that moved
    for ref in pairs(each(P .. 'left', old.target)) do
      if home_of(ref) == item.target then note(P .. 'left', old.target, ref, now) end
    end
  end
  table.insert(ours, old.target)
  if is_over then unpair(item.target, old.target) end
  if redis.call('ZSCORE', P .. 'since:' .. lane, old.target) then requeue(old.target, now); again_now = true end
end

local function pass_on(item)
  for _, one in ipairs(item.tell or {}) do tell(one[1], 0, now, {one[2]}); again_now = true end
  for _, value in ipairs(item.wants or {}) do note(P .. 'wants', value, item.target, now) end
  for _, one in ipairs(item.frees or {}) do
    for target in pairs(each(P .. 'wants', one[1])) do
      if target ~= item.target then tell(target, 1, now, {one[2]}); again_now = true end
    end
    redis.call('HDEL', P .. 'wants', one[1])
  end
  if item.found then
    local next_home = redis.call('HGET', P .. 'to:' .. lane, item.target)
    for ref in pairs(each(P .. 'left', item.target)) do
      local home, name = home_of(ref)
      if home and home == next_home then
        tell(home, 0, now, {string.sub(item.found, 1, 1) .. name .. '~' .. string.sub(item.found, 3)})
        again_now = true
      end
    end
  end
  -- a contact that stays at the old address gives up unique values: records that moved away may have these values now
  if item.left then
    for ref in pairs(each(P .. 'left', item.target)) do
      local home = home_of(ref)
      if home and home ~= item.target then tell(home, 1, now, {item.left}); again_now = true end
    end
  end
end

local function is_held(item, i)
  local token_held = string.match(held[i] or '', '^(.-)|')
  if token_held ~= token or not ends[i] or seen[item.target] then return false end
  if not item.old then return true end
  local old_held = string.match(redis.call('HGET', P .. 'tok:' .. lane, item.old.target) or '', '^(.-)|')
  return old_held == token
end

for i, item in ipairs(list) do
  if not is_held(item, i) then
    stale[#stale + 1] = item.target
    if is_import then tell_of(item, marks[i]) end
  else
    local taken, due = string.match(held[i], '^.-|(%d+)|?(.*)$')
    seen[item.target] = true
    table.insert(ours, item.target)
    if item.record and item.verdict ~= 'erased' then store(item.target, item.record) end
    if item.urgent then set_prio(lane, item.target, 0) end
    watch(item.target, marks[i])
    if item.old then watch(item.old.target, redis.call('HGET', P .. 'mark:' .. lane, item.old.target)) end
    if is_import and item.verdict ~= 'done' and is_updating(marks[i]) then shake(item.target, marks[i], '') end
    if item.verdict == 'again' then
      if item.burns then redis.call('HINCRBY', P .. 'tries:' .. lane, item.target, 1) end
      if item.untried then redis.call('SADD', P .. 'put_off:' .. lane, item.target) end
      requeue(item.target, due_after_lease(lane, item.target, item.due_at or now + item.due_in))
    elseif item.verdict == 'back' then requeue(item.target, tonumber(due) or now)
    elseif item.verdict == 'solo' then solo(item, marks[i])
    elseif item.verdict == 'erased' then erase(item, tonumber(taken))
    else
      if item.verdict == 'parked' then
        redis.call('HSET', P .. 'parked', item.parked[1], item.parked[2])
        redis.call('ZADD', P .. 'parked:at', now, item.parked[1])
        if keeps_people then take_imprint(item.target) end
      end
      if item.record then unmark(item.target, marks[i]) end
      trim(item.target, tonumber(taken))
    end
    if item.old then release(item, item.verdict == 'done' or item.verdict == 'parked' or item.verdict == 'erased') end
    if keeps_people then pass_on(item) end
    if item.next and not keeps_people then nexts[#nexts + 1] = item end
    for _, one in ipairs(item.counts or {}) do redis.call('HINCRBYFLOAT', P .. 'report:' .. one[1], one[2], one[3]) end
    if item.row then redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[4], '*', unpack(item.row)) end
  end
end
many('ZREM', P .. 'lease:' .. lane, ours)
many('HDEL', P .. 'tok:' .. lane, ours)
many('MSET', nil, records)
many('HDEL', P .. 'mark:' .. lane, unmarked)
many('HDEL', P .. 'tries:' .. lane, tried)
many('DEL', nil, lists)
many('ZREM', P .. 'since:' .. lane, ended)
many('HDEL', P .. 'prio:' .. lane, ended)
many('SREM', P .. 'was_bulk:' .. lane, ended)
if redis.call('EXISTS', P .. 'put_off:' .. lane) == 1 then many('SREM', P .. 'put_off:' .. lane, ended) end
if not keeps_people then many('HDEL', P .. 'moved:' .. lane, ended); many('HDEL', P .. 'later:' .. lane, ended) end
for _, item in ipairs(nexts) do put(lane, item.target, 1, item.next, now, {LOOK}) end
return cjson.encode({stale = stale, wake = again_now and wake('deliver:' .. lane)})
