-- Tell which records are as a run read them before. ARGV: ref, imprint, ref, imprint, ...
-- Returns a text of 1 and 0: 1 where the record's person has this imprint (see `_people.lua`) and nothing waits for them.
local found = {}
for i = 1, #ARGV, 2 do
  local known = read_ref(ARGV[i])
  local person = known and known.person
  local is_same = person and imprint_of(person) == ARGV[i + 1] and not redis.call('ZSCORE', P .. 'since:' .. PEOPLE, person)
  found[#found + 1] = is_same and '1' or '0'
end
return table.concat(found)
