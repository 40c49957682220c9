-- What a mail is decided on, read in one step; and the word that the mail is about to be sent, in one step, too.
-- ARGV[1]: lane; ARGV[2]: target; ARGV[3]: token of the lease; ARGV[4]: whose the record is, '' for nobody's.
-- For the word further: ARGV[5]: the digest of what was read; ARGV[6]: the change that says so, put behind the others.
-- To read although requests wait: ARGV[5]: 'any'. To take the word back: ARGV[5]: 'back'; ARGV[6]: that change.
-- Returns {state, digest, number, text, changes that wait for the person, erased up to or '0', record, changes, others,
-- whoms}; the state is
--   read     nothing was asked but to read; `others` is {target, record, changes, ...} of the records that are or were the
--            person's, `whoms` what such a record may say of whose it is if it is the person's
--   said     the word is written
--   back     the word is taken back
--   behind   requests wait to be read: what they tell is not known yet
--   changed  what was read is no longer so
--   lost     the lease is another's, or the record was forgotten meanwhile
local lane, target, token, whom, digest, change = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local list = P .. 'c:' .. lane .. ':' .. target

local holder = string.match(redis.call('HGET', P .. 'tok:' .. lane, target) or '', '^(.-)|')
if holder ~= token or not redis.call('ZSCORE', P .. 'lease:' .. lane, target) then return {'lost'} end
-- what is in the list now is what this lease has seen: settling removes just that
local function count() redis.call('HSET', P .. 'tok:' .. lane, target, token .. '|' .. redis.call('LLEN', list)) end

if digest == 'back' then
  if redis.call('LREM', list, -1, change) == 1 then count() end
  return {'back'}
end
if digest ~= 'any' and redis.call('EXISTS', P .. 'inbox') == 1 and redis.call('XLEN', P .. 'inbox') > 0 then return {'behind'} end

local number = string.match(whom, '^#(%d+)$')
if not number and whom ~= '' then number = home_of(whom) end
local text = number and redis.call('GET', person_key(number))
if not text then number = nil end

local names = {}
if whom ~= '' then names[whom] = true end
if number then
  names['#' .. number] = true
  for ref in pairs(refs_of(number)) do names[ref] = true end
end
local places, known = {}, {}
for name in pairs(names) do
  for _, place in ipairs(redis.call('SMEMBERS', P .. 'of:' .. name)) do
    local other = string.sub(place, 1, #lane + 1) == lane .. '|' and string.sub(place, #lane + 2)
    if other and other ~= target and not known[other] then
      known[other] = true
      places[#places + 1] = other
    end
  end
end
table.sort(places)

local others, sums, whoms, is_asked = {}, {}, {}, {}
local function ask(owner)
  if is_asked[owner] then return end
  is_asked[owner] = true
  if names[owner] or (string.sub(owner, 1, 1) ~= '#' and names[last_name(owner)]) then whoms[#whoms + 1] = owner end
end
for _, other in ipairs(places) do
  local record = redis.call('GET', record_key(lane, other)) or ''
  local changes = redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. other, 0, -1)
  if record ~= '' or #changes > 0 then
    for _, one in ipairs({other, record, changes}) do others[#others + 1] = one end
    for owner in pairs(owners_of(record, changes)) do ask(owner) end
    sums[#sums + 1] = other .. record .. table.concat(changes)
  else
    for name in pairs(names) do redis.call('SREM', P .. 'of:' .. name, lane .. '|' .. other) end
  end
end
local record, changes = redis.call('GET', record_key(lane, target)) or '', redis.call('LRANGE', list, 0, -1)
local waits = number and waiting(number) or {}
local erased = number and is_forgotten(number) or '0'
local now_digest = redis.sha1hex(table.concat({
  number or '', text or '', table.concat(waits), erased, record, table.concat(changes), table.concat(sums),
}, '\n'))
if change then
  if now_digest ~= digest then return {'changed'} end
  redis.call('RPUSH', list, change)
  count()
  return {'said'}
end
return {'read', now_digest, number or '', text or '', waits, erased, record, changes, others, whoms}
