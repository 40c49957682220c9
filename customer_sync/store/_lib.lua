-- Shared by every script of this folder: keys, time, the lanes' put and the resolution of a person.
local P = 'tajo:'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- One command for many arguments, a few thousand at a time; the answers of reading ones in one list. `key` may be nil.
local function many(command, key, arguments)
  local answers = {}
  for first = 1, #arguments, 2000 do
    local last = math.min(first + 1999, #arguments)
    local answer
    if key then answer = redis.call(command, key, unpack(arguments, first, last))
    else answer = redis.call(command, unpack(arguments, first, last)) end
    if type(answer) == 'table' then
      for i = 1, last - first + 1 do answers[first + i - 1] = answer[i] end
    end
  end
  return answers
end

local function qkey(lane, prio) return P .. 'q:' .. lane .. ':' .. prio end

local function prio_of(lane, target)
  return tonumber(redis.call('HGET', P .. 'prio:' .. lane, target) or '1')
end

local function set_prio(lane, target, prio)
  if prio == 1 then redis.call('HDEL', P .. 'prio:' .. lane, target)
  else redis.call('HSET', P .. 'prio:' .. lane, target, prio) end
end

-- Live and urgent work takes an item back from the bulk gear: while it is being loaded (its token begins with b) or is
-- under way in an import (i). Nobody calls Brevo for this target alone then, and an import never changes a contact that
-- is there, so whichever of the two comes first, the end is the same. What the import does later to this item counts
-- for nothing, because its lease is gone.
local function steal(lane, target, prio, due)
  local held = redis.call('HGET', P .. 'tok:' .. lane, target)
  if prio > 1 or not held or not string.find(held, '^[bi]') then return false end
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
  return true
end

-- Append changes to a target's item. Only ever makes it more urgent and due sooner; a leased item stays leased, unless
-- the bulk gear has it. Returns the length of its list.
local function put(lane, target, prio, due, now, changes)
  local length = redis.call('RPUSH', P .. 'c:' .. lane .. ':' .. target, unpack(changes))
  local fresh = redis.call('ZADD', P .. 'since:' .. lane, 'NX', now, target) == 1
  redis.call('SADD', P .. 'lanes', lane)
  if fresh then
    set_prio(lane, target, prio)
    redis.call('ZADD', qkey(lane, prio), due, target)
    return length
  end
  local old = prio_of(lane, target)
  local leased = redis.call('ZSCORE', P .. 'lease:' .. lane, target)
  if leased and steal(lane, target, prio, due) then leased = nil end
  if prio < old then
    set_prio(lane, target, prio)
    if not leased then
      local was = redis.call('ZSCORE', qkey(lane, old), target)
      redis.call('ZREM', qkey(lane, old), target)
      redis.call('ZADD', qkey(lane, prio), was and math.min(due, tonumber(was)) or due, target)
    end
  elseif not leased then
    -- an item that waits after a failed try keeps its wait; new data does not make a broken item hot
    if redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 0 then
      redis.call('ZADD', qkey(lane, old), 'LT', due, target)
    end
  end
  return length
end

-- Forget a target's item altogether.
local function drop(lane, target)
  redis.call('DEL', P .. 'c:' .. lane .. ':' .. target)
  redis.call('ZREM', P .. 'since:' .. lane, target)
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  for prio = 0, 2 do redis.call('ZREM', qkey(lane, prio), target) end
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('HDEL', P .. 'prio:' .. lane, target)
  redis.call('HDEL', P .. 'tries:' .. lane, target)
  redis.call('HDEL', P .. 'ver:' .. lane, target)
  redis.call('HDEL', P .. 'flown:' .. lane, target)
end

local function wake(name)
  return redis.call('SET', P .. 'wake:' .. name, '1', 'NX', 'PX', 1000) and true or false
end

-- People ------------------------------------------------------------------------------------------------------------

local function em_key(fp) return P .. 'em:' .. string.sub(fp, 1, 3) end
local function ref_key(ref) return P .. 'ref:' .. string.sub(ref, 1, 3) end

local function refs_of(person) return tonumber(redis.call('HGET', P .. 'refn', person) or '1') end

local function set_refs(person, n)
  if n == 1 then redis.call('HDEL', P .. 'refn', person)
  else redis.call('HSET', P .. 'refn', person, n) end
end

local function new_person(fp, refs)
  local person = tostring(redis.call('INCR', P .. 'seq'))
  if fp ~= '' then redis.call('HSET', em_key(fp), fp, person) end
  set_refs(person, refs)
  return person
end

local function is_erased(person) return redis.call('HEXISTS', P .. 'tomb', 'p:' .. person) == 1 end

local function read_ref(ref)
  local raw = redis.call('HGET', ref_key(ref), ref)
  if not raw then return nil end
  local person, fp, ms = string.match(raw, '^([^|]*)|([^|]*)|(.*)$')
  if is_erased(person) then return nil end
  return {person = person, fp = fp, ms = tonumber(ms)}
end

local function write_ref(ref, person, fp, ms)
  redis.call('HSET', ref_key(ref), ref, person .. '|' .. fp .. '|' .. string.format('%.0f', ms))
end

-- Copy all that is known of and waiting for one person to another. `what` is `all` (fields, status and consent, never
-- an address), `joined` (the same without opt-ins), `shared` (without status, too) or `withdrawn`. Merge is idempotent, so a copy can do no harm.
local function copy_person(lane, from, to, now, what)
  local copies = {}
  for _, change in ipairs(redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. from, 0, -1)) do
    copies[#copies + 1] = cjson.encode({copy = what, change = change})
  end
  local known = redis.call('GET', P .. 'p:' .. from)
  if known then copies[#copies + 1] = cjson.encode({copy = what, record = known}) end
  for i = 1, #copies, 500 do
    put(lane, to, prio_of(lane, from), now, now, {unpack(copies, i, math.min(i + 499, #copies))})
  end
end

local function tombed(field, ms)
  local at = redis.call('HGET', P .. 'tomb', field)
  return at and ms <= tonumber(at)
end

-- The address index: fingerprint → person, or `*person` for an address they had before. An old address still leads to
-- the person for events that know nothing but the address (an unsubscription), until somebody else takes it.
local function by_address(fp)
  if fp == '' then return nil, nil end
  local found = redis.call('HGET', em_key(fp), fp)
  if not found or is_erased((string.gsub(found, '^%*', ''))) then return nil, nil end
  if string.sub(found, 1, 1) == '*' then return nil, string.sub(found, 2) end
  return found, found
end

-- Move (source, id) from its person to another one. What was theirs goes along. A person to whom nothing leads any more
-- is left behind: `left` is appended there, so that the old contact leaves our lists.
local function move_ref(lane, ref, known, to, fp, ms, now, left)
  local rest = refs_of(known.person) - 1
  -- an opt-in may be that of another customer who shared the contact: it goes along only to where nobody else is
  local what = rest > 0 and 'shared' or (refs_of(to) > 0 and 'joined' or 'all')
  copy_person(lane, known.person, to, now, what)
  write_ref(ref, to, fp, ms)
  set_refs(known.person, rest)
  set_refs(to, refs_of(to) + 1)
  if rest <= 0 and left ~= '' then
    if known.fp ~= '' then redis.call('HSET', em_key(known.fp), known.fp, '*' .. known.person) end
    redis.call('HSET', P .. 'moved', known.person, to)
    put(lane, known.person, 1, now, now, {left})
  end
end

-- Somebody takes an address: whoever had it before leaves their withdrawal behind with it. The mailbox is the same.
local function claim(lane, fp, before, refs, now)
  local person = new_person(fp, refs)
  if before then copy_person(lane, before, person, now, 'withdrawn') end
  return person
end

-- Find the person of a change: by (source, id), else by address. `p.ms`: since when the address is known to be right, 0
-- for a snapshot; `p.at`: the stamp of the change; `p.known`: make nobody new; `p.guest`: the change makes a customer of
-- somebody without an id, so the address itself leads to them.
-- Returns the person (nil when a tombstone forbids it or nobody is found), and what the change's address is to them:
-- `named` (it becomes theirs with this change), `theirs` or `other`.
local function resolve_guest(p, current, any, now)
  if p.guest and current then set_refs(current, math.max(1, refs_of(current))) end
  if current then return current, 'theirs' end
  if any and not p.guest then return any, 'other' end
  if p.fp == '' or p.known then return nil, 'other' end
  return claim(p.lane, p.fp, any, p.guest and 1 or 0, now), 'named'
end

local function resolve_new_ref(p, current, any, now)
  if p.known then return any, current and 'theirs' or 'other' end
  local person = current
  if person then set_refs(person, refs_of(person) + 1) else person = claim(p.lane, p.fp, any, 1, now) end
  write_ref(p.ref, person, p.fp, p.fp ~= '' and p.ms or 0)
  return person, (current or p.fp == '') and 'theirs' or 'named'
end

local function resolve_new_address(p, known, current, any, now)
  if current and current ~= known.person then
    move_ref(p.lane, p.ref, known, current, p.fp, p.ms, now, p.left)
    return current, 'theirs'
  end
  if refs_of(known.person) <= 1 then
    if any and any ~= known.person then copy_person(p.lane, any, known.person, now, 'withdrawn') end
    if known.fp ~= '' then redis.call('HSET', em_key(known.fp), known.fp, '*' .. known.person) end
    redis.call('HSET', em_key(p.fp), p.fp, known.person)
    write_ref(p.ref, known.person, p.fp, p.ms)
    return known.person, 'named'
  end
  local fresh = claim(p.lane, p.fp, any, 0, now)
  move_ref(p.lane, p.ref, known, fresh, p.fp, p.ms, now, '')
  return fresh, 'named'
end

local function resolve(p, now)
  if (p.ref ~= '' and tombed('r:' .. p.ref, p.at)) or (p.fp ~= '' and tombed('e:' .. p.fp, p.at)) then return nil end
  local current, any = by_address(p.fp)
  if p.ref == '' then return resolve_guest(p, current, any, now) end
  local known = read_ref(p.ref)
  if not known then return resolve_new_ref(p, current, any, now) end
  if p.fp == '' then return known.person, 'theirs' end
  if p.fp == known.fp then
    if p.ms > known.ms then write_ref(p.ref, known.person, p.fp, p.ms) end
    return known.person, 'theirs'
  end
  local is_older = p.ms < known.ms or (p.ms == known.ms and p.fp < known.fp)
  if known.fp ~= '' and is_older then return known.person, 'other' end
  return resolve_new_address(p, known, current, any, now)
end

-- The change that gives a person their address. This index alone decides who has which address, so its stamp is the
-- moment of the decision, and no two are equal.
local function naming(p, now)
  local at = math.max(now, tonumber(redis.call('GET', P .. 'named') or '0') + 1)
  redis.call('SET', P .. 'named', string.format('%.0f', at))
  return '{"S":[' .. string.format('%.0f', at) .. ',' .. cjson.encode(p.source) .. ',{"email":' .. p.name .. '},{}],"E":[]}'
end
