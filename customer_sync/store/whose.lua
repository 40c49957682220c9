-- Whose records of other lanes are at this moment. ARGV: whom, whom, ...: a customer's key, which may lead to another
-- address every day, or `#` and a person's number.
-- Returns for each {number, text, changes that wait, when the person is being erased up to or '0'}, or {} for nobody.
local found = {}
for i, whom in ipairs(ARGV) do
  local number = string.match(whom, '^#(%d+)$')
  if not number and whom ~= '' then number = home_of(whom) end
  local text = number and redis.call('GET', person_key(number))
  found[i] = text and {number, text, waiting(number), is_forgotten(number) or '0'} or {}
end
return found
