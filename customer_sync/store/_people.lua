-- People: which record leads to which address, and how a record moves. For the scripts that need it.
--
-- A person is an address, for good: `em` leads from its fingerprint to its number, and `p:<number>` holds
--   3<address>                 the version of the form, then the address; empty while no record has told an address
--   <what Brevo has, JSON>     may be empty
--   @<what was said of the address, JSON>         where there is something
--   <ref>[<a record, JSON>     one line for each record; ref is the fingerprint of (source, id), 16 letters
-- A waiting change is one of: `3@<JSON>`, a change of the address; `3<ref>[<JSON>`, a change of a record;
-- `3<ref>~<JSON>`, a change of an address that the record led to: only its withdrawals count for the record. An empty
-- text stands for a change that moved to another person. What a script makes has the version FORM, what it moves keeps
-- its own.
local FORM = '3'
local LOOK = FORM .. '@[0,null,{},{},[]]' -- an empty change: the person is planned again
local NEVER = '-200000000000000'   -- the stamp of a record without an address

local function person_key(person) return P .. 'p:' .. person end

-- The indexes `em` and `ref` lie in hashes small enough for Redis to keep them packed: one for each two letters that
-- fingerprints begin with, and once one is full, for each three. What was begun with version 2 of the forms has three
-- from the beginning, and keeps the form of its entries: a process of that version may be at work yet.
local function EM(letters) return P .. 'em:' .. letters end
local function REF(letters) return P .. 'ref:' .. letters end
local MOST = 250
local is_wide = redis.call('GET', P .. 'format') == '2'
local has_split = redis.call('EXISTS', P .. 'split') == 1
local function bucket_of(index, fp)
  if is_wide then return index(string.sub(fp, 1, 3)) end
  local large = index(string.sub(fp, 1, 2))
  if has_split and redis.call('SISMEMBER', P .. 'split', large) == 1 then return index(string.sub(fp, 1, 3)) end
  return large, true
end
local function field_of(fp) return is_wide and fp or string.sub(fp, 3) end

local function index_get(index, fp) return redis.call('HGET', bucket_of(index, fp), field_of(fp)) or nil end
local function index_drop(index, fp) redis.call('HDEL', bucket_of(index, fp), field_of(fp)) end
local function index_set(index, fp, value)
  local key, may_split = bucket_of(index, fp)
  local is_new = redis.call('HSET', key, field_of(fp), value) == 1
  if not is_new or not may_split or redis.call('HLEN', key) <= MOST then return end
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do redis.call('HSET', key .. string.sub(all[i], 1, 1), all[i], all[i + 1]) end
  redis.call('DEL', key)
  redis.call('SADD', P .. 'split', key)
  has_split = true
end

local function mailbox(fp) return index_get(EM, fp) end

local has_tombs = redis.call('EXISTS', P .. 'tomb') == 1

-- Imprints: what a full run last read of a person's only record, as 8 letters that stand for its text. One that is there
-- says: this text is what is known of the person, and waits or is delivered. Whatever else is put there takes it away.
local IMPRINT, NO_IMPRINT = 8, string.rep('\0', 8)
local made = {} -- the persons that this script made: `new`, `told`, or `known` with an imprint
local function imprint_place(person) return P .. 'imprint:' .. math.floor(person / 1000), person % 1000 * IMPRINT end
local function imprint_of(person)
  local key, at = imprint_place(person)
  return redis.call('GETRANGE', key, at, at + IMPRINT - 1)
end
local function set_imprint(person, imprint)
  local key, at = imprint_place(person)
  redis.call('SETRANGE', key, at, imprint)
  if made[person] then made[person] = 'known' end
end
local function take_imprint(person)
  local key, at = imprint_place(person)
  if redis.call('STRLEN', key) > at then redis.call('SETRANGE', key, at, NO_IMPRINT) end
end

-- Make a new person for an address. The tombstone of an erased person keeps the newest withdrawal of the address.
local function new_mailbox(fp, email)
  local person = tostring(redis.call('INCR', P .. 'seq'))
  made[person] = 'new'
  index_set(EM, fp, person)
  local text = FORM .. email .. '\n'
  local withdrawn = has_tombs and string.match(redis.call('HGET', P .. 'tomb', 'e:' .. fp) or '', '|(%d+)$')
  if withdrawn then text = text .. '\n@[' .. withdrawn .. ',null,{"-e":["withdrew before the erasure",""],"whole.":["withdrew before the erasure",""]},{}]' end
  redis.call('SET', person_key(person), text)
  return person
end

-- Make a new person for a record that has told no address yet.
local function new_holder()
  local person = tostring(redis.call('INCR', P .. 'seq'))
  made[person] = 'new'
  redis.call('SET', person_key(person), FORM .. '\n')
  return person
end

local function read_ref(ref)
  local raw = index_get(REF, ref)
  if not raw then return nil end
  local person, second, after = string.match(raw, '^(%d+)|(%d+)%+(%d+)$')
  if person then return {person = person, ms = second * 1000, us = second * 1000000 + after} end
  local kept, merged_ms = string.match(raw, '^=([^|]*)|?(%d*)')
  if kept then return {merged = kept, ms = tonumber(merged_ms) or 0} end
  local ms, us
  person, ms, us = string.match(raw, '^(%d+)|(-?%d+)|(-?%d+)$')
  return {person = person, ms = tonumber(ms), us = tonumber(us)}
end

-- Most stamps are of a whole second and were seen soon after it: these are written in seconds, with what is after it.
local function write_ref(ref, person, ms, us)
  local after = us - ms * 1000
  if not is_wide and ms >= 0 and ms % 1000 == 0 and after >= 0 and after < 1e9 then
    index_set(REF, ref, person .. '|' .. string.format('%.0f+%.0f', ms / 1000, after))
  else index_set(REF, ref, person .. '|' .. string.format('%.0f|%.0f', ms, us)) end
end

-- Return the person that a record leads to now, and the record's ref: a merged record has the ref of the record that it
-- became. Returns nil for an unknown record.
local function home_of(ref)
  for _ = 1, 10 do
    local known = read_ref(ref)
    if not known then return nil end
    if known.person then return known.person, ref end
    ref = known.merged
  end
end

-- Return the ref that a record has now, after merges; for an unknown record too.
local function last_name(ref)
  for _ = 1, 10 do
    local known = read_ref(ref)
    if not known or known.person then return ref end
    ref = known.merged
  end
  return ref
end

-- The same, for a record that something is to be remembered of: one that nobody knows waits without an address.
local function home_or_holder(ref)
  for _ = 1, 10 do
    local known = read_ref(ref)
    if not known then
      local person = new_holder()
      write_ref(ref, person, tonumber(NEVER), 0)
      return person, ref
    end
    if known.person then return known.person, ref end
    ref = known.merged
  end
end

local function is_leased(person) return redis.call('ZSCORE', P .. 'lease:' .. PEOPLE, person) and true or false end

local function waiting(person) return redis.call('LRANGE', P .. 'c:' .. PEOPLE .. ':' .. person, 0, -1) end

-- Return what a person's text holds under a ref, and `rest`: the text without that line.
local function split(text, ref)
  local from = string.find(text, '\n' .. ref .. '[', 1, true)
  if not from then return nil, text end
  local till = string.find(text, '\n', from + 1, true)
  local rest = string.sub(text, 1, from - 1) .. (till and string.sub(text, till) or '')
  return string.sub(text, from + 1, (till or 0) - 1), rest
end

local function is_of_record(change) return string.sub(change, 2, 2) ~= '@' and string.sub(change, 18, 18) == '[' end

local function has_records(person)
  local text = redis.call('GET', person_key(person))
  if text and string.find(text, '\n[a-z2-7]+%[') then return true end
  for _, change in ipairs(waiting(person)) do
    if is_of_record(change) then return true end
  end
  return false
end

-- Return the refs of the records that lead to a person, those of waiting changes too.
local function refs_of(person)
  local found = {}
  for ref in string.gmatch(redis.call('GET', person_key(person)) or '', '\n([a-z2-7]+)%[') do found[ref] = true end
  for _, change in ipairs(waiting(person)) do
    if is_of_record(change) then found[string.sub(change, 2, 17)] = true end
  end
  return found
end

-- Whether a record other than these leads to a person. A consent box on a customer's order counts as the customer's.
local OF = '"of"[:,]"(' .. string.rep('[a-z2-7]', 16) .. ')"'
local function has_others(person, names)
  local function is_other(line)
    return not names[string.sub(line, 1, 16)] and not names[string.match(line, OF) or '']
  end
  for line in string.gmatch(redis.call('GET', person_key(person)) or '', '\n([a-z2-7]+%[[^\n]*)') do
    if is_other(line) then return true end
  end
  for _, change in ipairs(waiting(person)) do
    if is_of_record(change) and is_other(string.sub(change, 2)) then return true end
  end
  return false
end

-- Whether a person has no contact in Brevo for certain, and no running call or import can create one.
local function is_fresh(person)
  local text = redis.call('GET', person_key(person)) or ''
  local has_none = string.find(text, '^%w[^\n]+\n\n') or string.find(text, '^%w[^\n]+\n$')
  if not has_none or is_leased(person) then return false end
  return redis.call('HEXISTS', P .. 'mark:' .. PEOPLE, person) == 0
end

-- Two persons are a pair while the contact of the old address is to become the contact of the new address (a rename):
-- `from` leads from the new person to the old person, `to` leads back. Both are leased together, see `take.lua`.
local function unpair(new, old)
  redis.call('HDEL', P .. 'from:' .. PEOPLE, new)
  redis.call('HDEL', P .. 'to:' .. PEOPLE, old)
end

local touched, long, COMPACT = false, {}, 0
local has_pairs = redis.call('EXISTS', P .. 'to:' .. PEOPLE) == 1

-- New persons whose first changes are put: what the lane keeps of their items is written for all of them at once.
local newcomers, newcomers_at = {[0] = {}, {}, {}}, 0
local function let_in()
  local since, prios, now = {}, {}, newcomers_at
  for prio = 0, 2 do
    local due = {}
    for _, person in ipairs(newcomers[prio]) do
      due[#due + 1] = now; due[#due + 1] = person
      since[#since + 1] = now; since[#since + 1] = person
      if prio ~= 1 then prios[#prios + 1] = person; prios[#prios + 1] = prio end
    end
    many('ZADD', qkey(PEOPLE, prio), due)
    newcomers[prio] = {}
  end
  if #since == 0 then return end
  many('ZADD', P .. 'since:' .. PEOPLE, since)
  many('HSET', P .. 'prio:' .. PEOPLE, prios)
  redis.call('HSETNX', P .. 'lanes', PEOPLE, '')
end

-- Put changes of a person into the lane. A script that calls this ends with `let_in`.
local told = {} -- the persons of whom this script put changes
local function tell(person, prio, now, changes)
  told[person] = true
  if made[person] == 'new' and #changes == 1 then
    made[person], touched, newcomers_at = 'told', true, now
    redis.call('RPUSH', P .. 'c:' .. PEOPLE .. ':' .. person, changes[1])
    table.insert(newcomers[prio], person)
    return
  end
  if made[person] then let_in() end
  if made[person] ~= 'told' then take_imprint(person) end
  for i = 1, #changes, 500 do
    local part = {unpack(changes, i, math.min(i + 499, #changes))}
    local length = put(PEOPLE, person, prio, now, now, part)
    if COMPACT > 0 and length > COMPACT then long[#long + 1] = {PEOPLE, person} end
  end
  touched = true
  -- urgent changes of an old address wait until the contact has been renamed
  local new = has_pairs and prio == 0 and redis.call('HGET', P .. 'to:' .. PEOPLE, person)
  if new then put(PEOPLE, new, 0, now, now, {LOOK}) end
end

-- Whose a record of another lane is, or was said to be, in what is kept of it and in its waiting changes: as a set of
-- refs, and of `#` and a person's number. The record says last whose it is now.
local function owners_of(record, changes)
  local found, key = {}, '"whom":"'
  local function look_in(text)
    local at = string.find(text, key, 1, true)
    while at do
      local till = string.find(text, '"', at + #key, true)
      found[string.sub(text, at + #key, till - 1)] = true
      at = string.find(text, key, till, true)
    end
  end
  look_in(record)
  for _, change in ipairs(changes) do
    look_in(change)
    local at = string.find(change, '\n', 1, true)
    if at then found[string.sub(change, at + 1)] = true end
  end
  return found
end

-- Let a person be planned again because of an order. What a run read of the record itself is still so: no imprint goes.
local function look_at(person, prio, now)
  if told[person] or redis.call('EXISTS', person_key(person)) == 0 then return end
  if made[person] then return tell(person, prio, now, {LOOK}) end
  put(PEOPLE, person, prio, now, now, {LOOK})
  told[person], touched = true, true
end

-- Facts about former addresses: `left` of a person (ref:until,...), `formers` of a ref (person:until,...).
local function each(hash, field)
  local found = {}
  for name, at in string.gmatch(redis.call('HGET', hash, field) or '', '([^:,]+):(-?%d+)') do
    found[name] = tonumber(at)
  end
  return found
end

local function note(hash, field, name, at)
  local found = each(hash, field)
  found[name] = math.max(found[name] or at, at)
  local parts = {}
  for one, when in pairs(found) do parts[#parts + 1] = one .. ':' .. string.format('%.0f', when) end
  table.sort(parts)
  redis.call('HSET', hash, field, table.concat(parts, ','))
end

-- Take a record out of a person: its stored line and its waiting changes. If a worker holds the person, the record is
-- cut out when that worker settles (see `settle.lua`). Returns what was taken out, as changes.
local function take_out(ref, person)
  local changes = {}
  local text = redis.call('GET', person_key(person)) or ''
  local section, rest = split(text, ref)
  if section then
    changes[1] = string.sub(text, 1, 1) .. section
    redis.call('SET', person_key(person), rest)
  end
  local key = P .. 'c:' .. PEOPLE .. ':' .. person
  for i, change in ipairs(waiting(person)) do
    if string.sub(change, 2, 17) == ref then
      changes[#changes + 1] = change
      redis.call('LSET', key, i - 1, '')
    end
  end
  if is_leased(person) then
    local marks = redis.call('HGET', P .. 'cut:' .. PEOPLE, person) or ''
    redis.call('HSET', P .. 'cut:' .. PEOPLE, person, marks .. ref .. ' ')
  end
  return changes
end

-- Return the withdrawals of an address as changes of a record that moves to another address.
local function withdrawn_at(person, ref)
  local changes = {}
  local text = redis.call('GET', person_key(person)) or ''
  local from = string.find(text, '\n@', 1, true)
  if from then
    local till = string.find(text, '\n', from + 1, true)
    changes[1] = string.sub(text, 1, 1) .. ref .. '~' .. string.sub(text, from + 2, (till or 0) - 1)
  end
  for _, change in ipairs(waiting(person)) do
    local is_said = string.sub(change, 2, 2) == '@'
    if is_said and (string.find(change, '"-', 1, true) or string.find(change, 'complained', 1, true)) then
      changes[#changes + 1] = string.sub(change, 1, 1) .. ref .. '~' .. string.sub(change, 3)
    end
  end
  return changes
end

-- Return the time of a waiting erasure of a person: what is not newer is to be forgotten, and the contact deleted.
local function is_forgotten(person)
  local at = has_tombs and redis.call('HGET', P .. 'tomb', 'p:' .. person)
  return at and string.match(at, '^%d+') or nil
end

-- Whether a person's contact is to come from another person, through one rename or several.
local function comes_from(person, other)
  for _ = 1, 20 do
    if person == other then return true end
    person = redis.call('HGET', P .. 'from:' .. PEOPLE, person)
    if not person then return false end
  end
  return true
end

-- Pair two persons if the last record has left the old one: then the contact of the old address is renamed to the new
-- address. The new address must have no contact, or a contact that is itself to be renamed. Of several who leave an
-- address one after the other, the first takes its contact along.
local function pair(old, new)
  local back = redis.call('HGET', P .. 'from:' .. PEOPLE, old)
  if back then unpair(old, back) elseif redis.call('HEXISTS', P .. 'to:' .. PEOPLE, old) == 1 then return end
  if back == new or has_records(old) or is_forgotten(old) then return end
  local source = back or old
  local is_free = is_fresh(new) or redis.call('HEXISTS', P .. 'to:' .. PEOPLE, new) == 1
  local has_one = redis.call('HEXISTS', P .. 'from:' .. PEOPLE, new) == 1
  if is_free and not has_one and not comes_from(source, new) then
    redis.call('HSET', P .. 'from:' .. PEOPLE, new, source)
    redis.call('HSET', P .. 'to:' .. PEOPLE, source, new)
    has_pairs = true
  end
end

-- Note that a record led to another address at a time: an opt-in from before that time was given for another address.
local function elsewhere(ref, at)
  return FORM .. ref .. '["",null,' .. string.format('%.0f', at) .. ',null,{"elsewhere":null},{},[]]'
end

-- Note that a record led to another address before it led to the present one.
local function led_there(ref, box, home, till, at, prio, now)
  local known = each(P .. 'formers', ref)[box]
  note(P .. 'left', box, ref, till)
  note(P .. 'formers', ref, box, till)
  if not known or known < till then
    local changes = withdrawn_at(box, ref)
    changes[#changes + 1] = elsewhere(ref, at)
    tell(home, prio, now, changes)
  end
end

-- Move a record with its stored line and its waiting changes to another person; `was_ms`: the stamp of the old address.
local function move(ref, from, was_ms, to, ms, us, prio, now)
  let_in()
  local changes = take_out(ref, from)
  local is_address = string.sub(redis.call('GET', person_key(from)) or '', 2, 2) ~= '\n'
  if is_address then
    -- an order's address was never the customer's own: withdrawals at that address do not move with the record
    local till = was_ms > 0 and ms or was_ms
    if was_ms > 0 then
      for _, change in ipairs(withdrawn_at(from, ref)) do changes[#changes + 1] = change end
      -- what was told of it between its last word at that address and its first at this one may belong to either
      changes[#changes + 1] = elsewhere(ref, math.max(was_ms, ms - 1))
    end
    note(P .. 'left', from, ref, till)
    note(P .. 'formers', ref, from, till)
  end
  local forgotten_at = is_forgotten(from)
  if forgotten_at then
    -- the old person is being erased: only changes newer than the erasure move with the record
    changes[#changes + 1] = FORM .. ref .. '["",null,' .. forgotten_at .. ',null,{"erased":true},{},[]]'
    redis.call('HSET', P .. 'tomb', 'r:' .. ref, forgotten_at)
  end
  write_ref(ref, to, ms, us)
  pair(from, to)
  tell(to, prio, now, changes)
  if is_address then tell(from, prio, now, {LOOK})
  elseif not has_records(from) then
    drop(PEOPLE, from)
    redis.call('DEL', person_key(from))
  end
end

-- Merge one record into another. The gone record ends, and later events about its id are ignored, except withdrawals:
-- these count for the kept record.
local function absorb(gone, kept, ms, now)
  local _, name = home_of(kept)
  if gone == kept or name == gone then return end -- a loop: no platform merges two records into each other
  local known = read_ref(gone)
  index_set(REF, gone, '=' .. kept .. '|' .. string.format('%.0f', ms))
  name = last_name(kept)
  if redis.call('EXISTS', P .. 'of:' .. gone) == 1 then
    redis.call('SUNIONSTORE', P .. 'of:' .. name, P .. 'of:' .. name, P .. 'of:' .. gone)
    redis.call('DEL', P .. 'of:' .. gone)
  end
  if not known or not known.person then return end
  local home
  home, name = home_or_holder(kept)
  local changes = take_out(gone, known.person)
  for i, change in ipairs(changes) do changes[i] = string.sub(change, 1, 1) .. name .. '~' .. string.sub(change, 18 + (is_of_record(change) and 0 or 1)) end
  for person, at in pairs(each(P .. 'formers', gone)) do note(P .. 'formers', name, person, at); note(P .. 'left', person, name, at) end
  if known.person ~= home then
    note(P .. 'formers', name, known.person, ms)
    note(P .. 'left', known.person, name, ms)
    for _, change in ipairs(withdrawn_at(known.person, name)) do changes[#changes + 1] = change end
    tell(known.person, 1, now, {LOOK})
  end
  tell(home, 1, now, #changes > 0 and changes or {LOOK})
end
