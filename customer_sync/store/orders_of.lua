-- The records of a lane that are people's at this moment, for their totals, in one step with what waits for them.
-- ARGV: the lane; then of each person `number`, or `number:ref ref ...` where their records are known already.
-- Returns {people, names}. `people` has those who have any, each as {place in ARGV after the lane, whoms, records}: whom
-- they are (refs, and `#` with their number), and each record as {target, record or '', changes}. A record may be
-- somebody else's by its newest word: `names` is {whom, name now, ...} for whoever else is named in one and goes on
-- under another name, after a merge.
local lane, prefix = ARGV[1], ARGV[1] .. '|'
local people, names, is_named = {}, {}, {}

local function name(whom, is_theirs)
  if is_theirs[whom] or is_named[whom] or string.sub(whom, 1, 1) == '#' then return end
  is_named[whom] = true
  local now = last_name(whom)
  if now ~= whom then names[#names + 1] = whom; names[#names + 1] = now end
end

for i = 2, #ARGV do
  local number, refs = string.match(ARGV[i], '^(%d+):?(.*)$')
  local whoms, sets = {}, {}
  local function add(whom) whoms[#whoms + 1] = whom; sets[#sets + 1] = P .. 'of:' .. whom end
  add('#' .. number)
  if #ARGV[i] > #number then for ref in string.gmatch(refs, '%S+') do add(ref) end
  else for ref in pairs(refs_of(number)) do add(ref) end end
  -- most people have no orders
  if redis.call('EXISTS', unpack(sets)) > 0 then
    local is_theirs, found = {}, {}
    for _, whom in ipairs(whoms) do is_theirs[whom] = true end
    for _, place in ipairs(redis.call('SUNION', unpack(sets))) do
      if string.sub(place, 1, #prefix) == prefix then
        local target = string.sub(place, #prefix + 1)
        local record = redis.call('GET', record_key(lane, target)) or ''
        local changes = redis.call('LRANGE', P .. 'c:' .. lane .. ':' .. target, 0, -1)
        for whom in pairs(owners_of(record, changes)) do name(whom, is_theirs) end
        found[#found + 1] = {target, record, changes}
      end
    end
    if #found > 0 then people[#people + 1] = {i - 1, whoms, found} end
  end
end
return {people, names}
