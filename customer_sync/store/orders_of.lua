-- The records of a lane that are people's at this moment, for their totals, in one step with what waits for them.
-- ARGV: the lane, then numbers of people.
-- Returns {people, names}. Of each person {whoms, records}: whom they are (refs, and `#` with their number), and each
-- record as {target, record or '', changes}. A record may be somebody else's by its newest word: `names` is
-- {whom, name now, ...} for whoever else is named in one and goes on under another name, after a merge.
local lane, prefix = ARGV[1], ARGV[1] .. '|'
local people, names, is_named = {}, {}, {}

local function name(whom, whoms)
  if whoms[whom] or is_named[whom] or string.sub(whom, 1, 1) == '#' then return end
  is_named[whom] = true
  local now = last_name(whom)
  if now ~= whom then names[#names + 1] = whom; names[#names + 1] = now end
end

for i = 2, #ARGV do
  local whoms, list, found, met = refs_of(ARGV[i]), {}, {}, {}
  whoms['#' .. ARGV[i]] = true
  for whom in pairs(whoms) do
    list[#list + 1] = whom
    for _, place in ipairs(redis.call('SMEMBERS', P .. 'of:' .. whom)) do
      if string.sub(place, 1, #prefix) == prefix and not met[place] then
        met[place] = true
        local target = string.sub(place, #prefix + 1)
        local record = redis.call('GET', record_key(lane, target)) or ''
        local changes = redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. target, 0, -1)
        for one in pairs(owners_of(record, changes)) do name(one, whoms) end
        found[#found + 1] = {target, record, changes}
      end
    end
  end
  people[i - 1] = #found > 0 and {list, found} or {}
end
return {people, names}
