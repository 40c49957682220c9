-- The one step between inbox and lanes: acknowledge entries, mark event ids as seen, put changes, write the ledger.
-- ARGV[1]: JSON list of {entry, events: [{seen, row: [k, v, ...], groups: [...], opens: [row...]}], parked: [[id, json, at], ...]}; a group is
--   {who, puts}        the changes of one identity; `who` is {ref, fp, email, ms, us, known}: the fingerprints of
--                      (source, id) and of the address ('' for none), the address, since when the address is known
--                      to be right (ms, us), and `known`: make no new person. No `who`: the puts name their targets
--   {who, puts, erase} forget the person, and every change that is not newer than the put's time
--   An event of a full run may have an `imprint`, see `_people.lua`: it is set where the event makes the person.
--   {merge: {gone, kept, at, change}}   one record became another; the change is empty, it only carries the event
-- A put is {lane, change, prio, at}. Further fields where they apply:
--   due     when the item is due, if not now; `moved`: this time replaces the item's due time, earlier or later
--   target  the item; always given in a lane that keeps records of its own
--   key     in the lane of people: '@' for the address, else the record's ref
--   w       the change is a withdrawal
--   after   the form of a record's withdrawal for the addresses that the record led to before
-- ARGV[2]: ttl of seen ids in s; ARGV[3]: rows of the ledger; ARGV[4]: items longer than this are reported
-- ARGV[5]: '' or JSON of how a run's page moves the run, {run, version, put: {field: text}, add: {count: n},
-- seen: [person...], marks: bool, same: [[person, imprint]...], token: what `run_lookup` left in the place of the imprints, held: [text...], released: n, last: bool}; events of a page have no row and no `seen`;
-- the texts are held back for the run, and the first n that it held are among the events
-- ARGV[6]: the key of the fingerprints in ARGV[1]; ARGV[7]: the version of the stored forms. Where Redis lost its data
-- they are written back in the same step, so that nobody can begin with other ones in between
-- Returns JSON {states: [...], wake: [lane...], long: [[lane, target]...], skipped: n, lost: bool}, {estranged: true} when
-- Redis has another key of fingerprints, or {stale: true} when another
-- process moved, paused or cancelled the run: then the script has changed nothing
local entries = cjson.decode(ARGV[1])
local now = now_ms()
COMPACT = tonumber(ARGV[4])
local run = ARGV[5] ~= '' and cjson.decode(ARGV[5]) or nil
local run_key = run and P .. 'run:' .. run.run
if run then
  local at = redis.call('HMGET', run_key, 'v', 'state')
  if at[1] ~= run.version or at[2] ~= 'running' then return cjson.encode({stale = true}) end
end
local salt = redis.call('HGET', P .. 'salt', 'key')
if salt and salt ~= ARGV[6] then return cjson.encode({estranged = true}) end
if not salt then
  redis.call('HSET', P .. 'salt', 'key', ARGV[6])
  redis.call('SETNX', P .. 'format', ARGV[7])
end
local states, lanes, skipped = {}, {}, 0
local fed, all_fed = {}, {} -- the lanes that the event at hand changes, and all events
local owners = {}           -- whose totals change: ref, or `#` and number, → priority

local function ledger(row, state, person)
  if not row then return end
  row[#row + 1] = 'st'; row[#row + 1] = state
  if person then row[#row + 1] = 'p'; row[#row + 1] = person end
  local other = {}
  for lane in pairs(fed) do if lane ~= PEOPLE then other[#other + 1] = lane end end
  if #other > 0 then
    if fed[PEOPLE] then other[#other + 1] = PEOPLE end
    table.sort(other)
    row[#row + 1] = 'ls'; row[#row + 1] = table.concat(other, ' ')
  end
  redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[3], '*', unpack(row))
end

-- Say that events which are in the ledger already wait in a further lane.
local function wait_there(row, person)
  row[#row + 1] = 'st'; row[#row + 1] = 'pending'
  row[#row + 1] = 'p'; row[#row + 1] = person or ''
  redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[3], '*', unpack(row))
end

-- Put a change of a record of another lane (an order, a cart), and note to whom the record belongs: the ref of the
-- customer's record, or the person's number for a buyer without an account.
local function place(p, whom)
  local change = whom and p.change .. '\n' .. whom or p.change
  if put(p.lane, p.target, p.prio, p.due or now, now, {change}, p.moved and p.at) > COMPACT then
    long[#long + 1] = {p.lane, p.target}
  end
  if whom and lane_is(p.lane, 'r') then redis.call('SADD', P .. 'of:' .. whom, p.lane .. '|' .. p.target) end
  if lane_is(p.lane, 't') then
    local waits = redis.call('LRANGE', P .. 'c:' .. p.lane .. ':' .. p.target, 0, -1)
    for one in pairs(owners_of(redis.call('GET', record_key(p.lane, p.target)) or '', waits)) do
      owners[one] = math.min(owners[one] or 2, p.prio)
    end
  end
  lanes[p.lane], fed[p.lane] = true, true
end

-- Return the newest tombstone of the ref, the address and the persons of an identity, 0 without one.
local function tombed(who, home, box)
  if not has_tombs then return 0 end
  local names = {
    'e:' .. who.fp, 'r:' .. who.ref, 'r:' .. last_name(who.ref), 'p:' .. (home or ''), 'p:' .. (box or ''),
  }
  local at = 0
  for _, one in ipairs(redis.call('HMGET', P .. 'tomb', unpack(names))) do
    at = math.max(at, one and tonumber(string.match(one, '^%d+')) or 0)
  end
  return at
end

local function is_later(who, known, home)
  if who.ms ~= known.ms then return who.ms > known.ms end
  if who.us ~= known.us then return who.us > known.us end
  return who.email > string.match(redis.call('GET', person_key(home)) or '2', '^%w([^\n]*)')
end

-- Return the person that a record leads to, after moving the record if the event tells a newer address.
local function settle_home(who, known, box, now, prio)
  if who.ref == '' then
    if not box and not who.known and who.fp ~= '' then box = new_mailbox(who.fp, who.email) end
    return box, box
  end
  if not known then
    if who.known then return nil, box end
    if who.fp ~= '' then box = box or new_mailbox(who.fp, who.email) end
    local home = box or new_holder()
    write_ref(who.ref, home, who.fp ~= '' and who.ms or tonumber(NEVER), who.us)
    return home, box
  end
  local home = known.person
  if who.fp == '' or box == home and not is_later(who, known, home) then return home, box end
  if not is_later(who, known, home) then
    -- a late event with an older address: withdrawals at that address count for the record, as if it had been in time
    if who.ms > 0 then
      box = box or new_mailbox(who.fp, who.email)
      led_there(who.ref, box, home, known.ms, who.ms, prio, now)
    end
    return home, box
  end
  box = box or new_mailbox(who.fp, who.email)
  if box ~= home then move(who.ref, home, known.ms, box, who.ms, who.us, prio, now)
  else write_ref(who.ref, home, who.ms, who.us) end
  return box, box
end

-- Apply a withdrawal of an address also to the records that led to the address then, or whose contact still has it.
local function along(box, p)
  local next_home = has_pairs and redis.call('HGET', P .. 'to:' .. PEOPLE, box)
  for ref, till in pairs(each(P .. 'left', box)) do
    local home, name = home_of(ref)
    if home and home ~= box and (p.at <= till or home == next_home) then
      tell(home, p.prio, now, {string.sub(p.change, 1, 1) .. name .. '~' .. string.sub(p.change, 3)})
    end
  end
end

-- Apply a withdrawal of a record, or the record's deletion, also at the addresses that the record led to at that time,
-- and at its former addresses, where a contact may have stayed.
local function back(ref, p, home, box, then_change)
  for person, till in pairs(each(P .. 'formers', ref)) do
    if person ~= home and person ~= box then
      tell(person, p.prio, now, {then_change and p.at <= till and then_change or p.after})
    end
  end
end

local function said(who, p, home, box, kept)
  if not box and who.fp ~= '' and not who.known then box = new_mailbox(who.fp, who.email) end
  local at = box
  if not at and p.after and home and string.sub(redis.call('GET', person_key(home)) or '', 2, 2) ~= '\n' then at = home end
  if at then tell(at, p.prio, now, {p.change}) end
  if p.after then
    if at then along(at, p) end
    if kept then
      local person, name = home_or_holder(kept)
      if person then tell(person, p.prio, now, {string.sub(p.change, 1, 1) .. name .. '~' .. string.sub(p.change, 3)}) end
    elseif who.ref ~= '' then back(who.ref, p, home, at, who.fp == '' and p.change)
    elseif at then
      for ref in pairs(refs_of(at)) do back(ref, p, at, at) end
    end
  end
  return at, box
end

-- Keep a withdrawal that is older than an erasure: it still holds for the present or next person with the address.
local function keep_withdrawn(who, p, box)
  if box then tell(box, p.prio, now, {p.change}); return 1 end
  local field = 'e:' .. who.fp
  local at, withdrawn = string.match(redis.call('HGET', P .. 'tomb', field) or '0', '^(%d+)|?(%d*)$')
  local newest = math.max(p.at, tonumber(withdrawn) or 0)
  redis.call('HSET', P .. 'tomb', field, at .. '|' .. string.format('%.0f', newest))
  return 0
end

-- A late event of a merged record: withdrawals at its address count for the record that it became.
local function was_there(who, known, box, prio)
  if who.fp == '' or who.ms <= 0 then return box end
  local home, name = home_or_holder(known.merged)
  if not home then return box end
  box = box or new_mailbox(who.fp, who.email)
  if box ~= home then led_there(name, box, home, math.max(known.ms, who.ms), who.ms, prio, now) end
  return box
end

-- A late event shows that a record led to an erased address before the erasure: forget what the record said up to then.
local function forget(ref, home, at)
  local stamp = string.format('%.0f', math.max(at, tonumber(redis.call('HGET', P .. 'tomb', 'r:' .. ref) or '0')))
  redis.call('HSET', P .. 'tomb', 'r:' .. ref, stamp)
  if not home then return end
  local section, rest = split(redis.call('GET', person_key(home)) or '', ref)
  local is_alone = not string.find(rest, '\n[a-z2-7]+%[')
  for _, change in ipairs(waiting(home)) do
    if is_of_record(change) and string.sub(change, 2, 17) ~= ref then is_alone = false end
  end
  if is_alone then
    redis.call('HSET', P .. 'tomb', 'p:' .. home, stamp)
    tell(home, 0, now, {FORM .. '@[' .. stamp .. ',null,{"erased":true},{},[]]'})
  else
    take_out(ref, home)
    index_drop(REF, ref)
    tell(home, 0, now, {LOOK})
  end
end

local function apply(who, puts)
  local known = who.ref ~= '' and read_ref(who.ref) or nil
  local kept = known and known.merged
  local box = who.fp ~= '' and mailbox(who.fp) or nil
  local tomb, is_alive, prio, is_of_person = tombed(who, known and known.person, box), false, 2, false
  for _, p in ipairs(puts) do
    if p.at > tomb then is_alive = true end
    prio = math.min(prio, p.prio)
    if p.lane == PEOPLE and p.key ~= '@' then is_of_person = true end
  end
  if not is_alive then
    local is_told = is_of_person and who.ref ~= '' and who.fp ~= '' and who.ms > 0
    if is_told and not known then forget(who.ref, nil, who.told or who.ms)
    elseif is_told and known.person and box ~= known.person and is_later(who, known, known.person) then
      forget(who.ref, known.person, who.told or who.ms)
    end
    local kept_count = 0
    for _, p in ipairs(puts) do
      if p.w and who.fp ~= '' then kept_count = kept_count + keep_withdrawn(who, p, box) end
    end
    return kept_count, box
  end
  local home
  if kept then box = is_of_person and was_there(who, known, box, prio) or box
  elseif is_of_person then home, box = settle_home(who, known, box, now, prio)
  else home = known and known.person or box end
  local count, person = 0, home or box
  for _, p in ipairs(puts) do
    -- a withdrawal older than a tombstone counts only together with a newer change that makes the person again
    if p.at > tomb or p.w then
      local at
      if p.lane ~= PEOPLE then
        if who.ref == '' and not box and not who.known then box = new_mailbox(who.fp, who.email) end
        place(p, who.ref ~= '' and last_name(who.ref) or box and '#' .. box)
        at, person = true, person or box
      elseif p.key == '@' then
        at, box = said(who, p, home, box, kept)
        person = person or at
      else
        -- a change of the order's own address goes to that address, even if the customer has another one
        if p.key ~= who.ref and not box and not who.known then box = new_mailbox(who.fp, who.email) end
        at = p.key == who.ref and home or p.key ~= who.ref and box or nil
        if at then
          tell(at, p.prio, now, {p.change})
          if p.key ~= who.ref and who.ref ~= '' and at ~= home then note(P .. 'formers', who.ref, at, p.at) end
          if p.key == who.ref and p.after then back(who.ref, p, home, home) end
        elseif kept and p.key == who.ref and p.prio == 0 then
          -- of a merged record only withdrawals count
          local name
          at, name = home_or_holder(kept)
          if at then tell(at, p.prio, now, {string.sub(p.change, 1, 1) .. name .. '~' .. string.sub(p.change, 18)}) end
        end
      end
      if at then
        count = count + 1
        if p.lane == PEOPLE then fed[PEOPLE] = true end
      end
    end
  end
  return count, person
end

-- Return the persons to erase: the record's person, the address if no other record has it, and the record's former
-- addresses.
local function erased(who)
  local found = {}
  local home, name
  if who.ref ~= '' then home, name = home_of(who.ref) end
  local box = who.fp ~= '' and mailbox(who.fp) or nil
  local names = refs_of(home or box or '')
  if home then found[home] = true end
  if box and (not home or box == home or not has_records(box)) then found[box] = true end
  if not home and who.fp ~= '' and (box or not who.known) and (not box or not has_records(box)) then
    box = box or new_mailbox(who.fp, who.email)
    found[box] = true
    -- no record has the address now: erase the record that left the address last
    local last, at
    for ref, till in pairs(each(P .. 'left', box)) do
      if not at or till > at then last, at = ref, till end
    end
    local person = last and home_of(last)
    if person then
      found[person], who.ref = true, last
      for ref in pairs(refs_of(person)) do names[ref] = true end
    end
  end
  if name or who.ref ~= '' then names[name or who.ref] = true end
  for ref in pairs(names) do
    for person in pairs(each(P .. 'formers', ref)) do
      if not has_others(person, names) then found[person] = true end
    end
  end
  return found, home or box
end

local function erase(who, p)
  local stamp, count, own = string.format('%.0f', p.at), 0, who.ref
  local found, person = erased(who)
  local last = who.ref ~= '' and last_name(who.ref)
  if last and redis.call('EXISTS', P .. 'of:' .. last) == 1 and not refs_of(person or '')[last] then
    -- nothing but orders knows the customer: these are to be forgotten, too
    local at = home_or_holder(who.ref)
    found[at], person = true, person or at
    tell(at, p.prio, now, {FORM .. last .. '["",null,' .. stamp .. ',null,{"erased":true},{},[]]'})
  end
  for _, ref in ipairs({own, who.ref}) do
    if ref ~= '' then redis.call('HSET', P .. 'tomb', 'r:' .. ref, stamp) end
  end
  for one in pairs(found) do
    redis.call('HSET', P .. 'tomb', 'p:' .. one, stamp)
    tell(one, p.prio, now, {p.change})
    count = count + 1
  end
  has_tombs = true
  return count, person
end

local function handle(event)
  local count, person = 0, nil
  fed = {}
  for _, group in ipairs(event.groups) do
    local n, whose = 0, nil
    if group.merge then
      absorb(group.merge.gone, group.merge.kept, group.merge.at, now)
      whose = home_of(group.merge.kept)
      if whose then
        tell(whose, 1, now, {group.merge.change})
        n, fed[PEOPLE] = 1, true
      end
    elseif group.erase then
      n, whose = erase(group.who, group.puts[1])
      fed[PEOPLE] = true
    elseif group.who then n, whose = apply(group.who, group.puts)
    else
      for _, p in ipairs(group.puts) do
        if p.lane == PEOPLE then tell(p.target, p.prio, now, {p.change}); fed[PEOPLE] = true else place(p) end
        n, whose = n + 1, p.target
      end
    end
    count, person = count + n, person or whose
  end
  for lane in pairs(fed) do all_fed[lane] = true end
  return count > 0 and 'pending' or 'ignored', person
end

for _, entry in ipairs(entries) do
  local mine = true
  if entry.entry ~= '' then
    mine = redis.call('XACK', P .. 'inbox', 'workers', entry.entry) == 1
    if mine then
      redis.call('XDEL', P .. 'inbox', entry.entry)
      redis.call('HDEL', P .. 'inbox:tries', entry.entry)
    else skipped = skipped + 1 end
  end
  if mine then
    for _, event in ipairs(entry.events) do
      local state, person
      if event.seen ~= '' and not redis.call('SET', P .. 'seen:' .. event.seen, '1', 'NX', 'EX', ARGV[2]) then
        state = 'repeated'
      else
        state, person = handle(event)
      end
      if event.imprint and state == 'pending' and made[person] == 'told' then set_imprint(person, event.imprint) end
      if run and run.marks and person then redis.call('SETBIT', run_key .. ':seen', person, 1) end
      ledger(event.row, state, person)
      if state == 'pending' then
        for _, row in ipairs(event.opens or {}) do wait_there(row, person) end
      end
      states[#states + 1] = state
    end
    for _, parked in ipairs(entry.parked) do
      redis.call('HSET', P .. 'parked', parked[1], parked[2])
      redis.call('ZADD', P .. 'parked:at', now, parked[1])
      ledger(parked[3], 'parked')
      states[#states + 1] = 'parked'
    end
  else
    for _ = 1, #entry.events + #entry.parked do states[#states + 1] = 'skipped' end
  end
end

-- The totals of everybody whose order changed follow, of who had it before, too
for whom, prio in pairs(owners) do
  local person = string.match(whom, '^#(%d+)$') or home_of(whom)
  if person then
    look_at(person, prio, now)
    all_fed[PEOPLE] = true
  end
end

if run then
  -- the run is done when the lanes that it put changes into have delivered them
  local known = redis.call('HGET', run_key, 'lanes') or ''
  for lane in pairs(all_fed) do
    if not string.find(' ' .. known .. ' ', ' ' .. lane .. ' ', 1, true) then known = known .. (known ~= '' and ' ' or '') .. lane end
  end
  if known ~= '' then redis.call('HSET', run_key, 'lanes', known) end
end
if run and run.last then
  for _, person in ipairs(run.seen) do redis.call('SETBIT', run_key .. ':seen', person, 1) end
  for _, one in ipairs(run.same) do
    -- what was put there since the look at the person has taken the token away
    if imprint_of(one[1]) == run.token then set_imprint(one[1], one[2]) end
  end
  for _, text in ipairs(run.held) do redis.call('RPUSH', run_key .. ':held', text) end
  if run.released > 0 then redis.call('LTRIM', run_key .. ':held', run.released, -1) end
  for name, text in pairs(run.put) do redis.call('HSET', run_key, name, text) end
  for name, by in pairs(run.add) do redis.call('HINCRBY', run_key, 'n.' .. name, by) end
  redis.call('HINCRBY', run_key, 'v', 1)
  redis.call('HSET', run_key, 'updated', string.format('%.0f', now))
end

let_in()
if touched then lanes[PEOPLE] = true end
local woken = {}
for lane in pairs(lanes) do
  if wake('deliver:' .. lane) then woken[#woken + 1] = lane end
end
return cjson.encode({states = states, wake = woken, long = long, skipped = skipped, lost = not salt})
