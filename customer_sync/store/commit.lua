-- The one step between inbox and lanes: acknowledge entries, mark event ids as seen, put changes, write the ledger.
-- ARGV[1]: JSON list of {entry, events: [{seen, row: [k, v, ...], puts: [...], merged}], parked: [[id, json, at], ...]}
-- ARGV[2]: ttl of seen ids in s; ARGV[3]: rows of the ledger; ARGV[4]: items longer than this are reported
-- ARGV[5]: '' or JSON of how a run's page moves the run, {run, version, put: {field: text}, add: {count: n},
-- seen: [person...], marks: bool, last: bool}; events of a page have no row and no `seen`
-- Returns JSON {states: [...], wake: [lane...], long: [[lane, target]...], skipped: n}, or {stale: true} when the run
-- was moved, paused or cancelled by another: then nothing was done
local entries = cjson.decode(ARGV[1])
local now = now_ms()
local run = ARGV[5] ~= '' and cjson.decode(ARGV[5]) or nil
local run_key = run and P .. 'run:' .. run.run
if run then
  local at = redis.call('HMGET', run_key, 'v', 'state')
  if at[1] ~= run.version or at[2] ~= 'running' then return cjson.encode({stale = true}) end
end
local states, lanes, long, skipped = {}, {}, {}, 0

local function ledger(row, state, person)
  if not row then return end
  row[#row + 1] = 'st'; row[#row + 1] = state
  if person then row[#row + 1] = 'p'; row[#row + 1] = person end
  redis.call('XADD', P .. 'ledger', 'MAXLEN', '~', ARGV[3], '*', unpack(row))
end

local function apply(event)
  local person
  -- customers/merge: the deleted id leads to the person of the kept one from now on
  if event.merged then
    local gone, kept = read_ref(event.merged.gone), read_ref(event.merged.kept)
    if gone and kept and gone.person ~= kept.person then
      move_ref('contacts', event.merged.gone, gone, kept.person, kept.fp, math.max(gone.ms, kept.ms), now,
        event.merged.left)
      lanes['contacts'] = true
      person = kept.person
    end
  end
  local count = 0
  for _, p in ipairs(event.puts) do
    local target, change = p.target, p.change
    if p.lane == 'contacts' and not target then
      local whose
      target, whose = resolve(p, now)
      person = target or person
      if whose == 'named' then put(p.lane, target, p.prio, now, now, {naming(p, now)}) end
      -- what was said with an address that is not theirs (any more) was not done to their contact
      if whose == 'other' then change = cjson.encode({copy = 'bare', change = change}) end
    end
    if target then
      -- whoever only knows an old address means the person who left it, wherever they went
      local moved = p.ref == '' and redis.call('HGET', P .. 'moved', target)
      if moved then put(p.lane, moved, p.prio, now, now, {cjson.encode({copy = 'withdrawn', change = p.change})}) end
      local length = put(p.lane, target, p.prio, now, now, {change})
      if length > tonumber(ARGV[4]) then long[#long + 1] = {p.lane, target} end
      lanes[p.lane] = true
      count = count + 1
    end
  end
  return (count > 0 or person) and 'pending' or 'ignored', person
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
        state, person = apply(event)
      end
      if run and run.marks and person then redis.call('SETBIT', run_key .. ':seen', person, 1) end
      ledger(event.row, state, person)
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

if run and run.last then
  for _, person in ipairs(run.seen) do redis.call('SETBIT', run_key .. ':seen', person, 1) end
  for name, text in pairs(run.put) do redis.call('HSET', run_key, name, text) end
  for name, by in pairs(run.add) do redis.call('HINCRBY', run_key, 'n.' .. name, by) end
  redis.call('HINCRBY', run_key, 'v', 1)
  redis.call('HSET', run_key, 'updated', string.format('%.0f', now))
end

local woken = {}
for lane in pairs(lanes) do
  if wake('deliver:' .. lane) then woken[#woken + 1] = lane end
end
return cjson.encode({states = states, wake = woken, long = long, skipped = skipped})
