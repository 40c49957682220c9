-- Look up the persons of pulled records. ARGV[1]: JSON list of [ref, fingerprint of the address]; ARGV[2]: '' or a token of
-- 8 letters, which takes the place of the imprints (see `_people.lua`) of those persons of whom the answer is sure.
-- Returns for each {person, record, sure} when the id leads to a known person (a new id, or none: the address), else
-- false.
-- `sure` is '1' when the address is the one known for the id and no change waits for the person: then the stored record
-- is complete.
local token = ARGV[2]
local function person_of(ref, fp)
  local box = fp ~= '' and mailbox(fp) or nil
  if ref == '' then return box, true end
  local known = read_ref(ref)
  -- a new record of an address that somebody has: it may block or empty their contact
  if not known then return box, false end
  if not known.person then return nil end
  return known.person, fp == '' or box == known.person
end

local found = {}
for i, pair in ipairs(cjson.decode(ARGV[1])) do
  found[i] = false
  local person, is_theirs = person_of(pair[1], pair[2])
  local record = person and redis.call('GET', person_key(person))
  if record then
    local is_sure = is_theirs and not redis.call('ZSCORE', P .. 'since:' .. PEOPLE, person)
    if is_sure and token ~= '' then set_imprint(person, token) end
    found[i] = {person, record, is_sure and '1' or '0'}
  end
end
return found
