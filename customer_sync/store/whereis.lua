-- Find out where fingerprints lead. ARGV: each a letter and a fingerprint: `e` the person of an address, `r` the person that
-- a record leads to by itself, `h` the same through merges, `n` the ref that a record has now, after merges.
-- Returns for each the person's number or the ref, '' for nothing.
local found = {}
for i, asked in ipairs(ARGV) do
  local letter, fp = string.sub(asked, 1, 1), string.sub(asked, 2)
  local answer
  if letter == 'e' then answer = mailbox(fp)
  elseif letter == 'r' then
    local known = read_ref(fp)
    answer = known and known.person
  elseif letter == 'h' then answer = home_of(fp)
  else answer = last_name(fp) end
  found[i] = answer or ''
end
return found
