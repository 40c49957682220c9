-- Bring the index of the ledger in step, and drop the parts of it whose rows are gone. ARGV: how many rows at most, how
-- many records make a part full.
-- Returns {how many rows were read, first part, last part, id of the oldest row}; no part: the last is below the first.
-- Each event that a row tells of gives one record, see `store/ledger_index.py`; the records stand in the order of rows.
local KEY, STREAM = P .. 'ledger:index', P .. 'ledger'
local PART_BYTES = 32 * tonumber(ARGV[2])
local LETTERS = {pending = 'w', delivered = 'd', retrying = 't', parked = 'p', ignored = 'i', repeated = 'r'}

local function part(number) return KEY .. ':' .. number end

local known = redis.call('HMGET', KEY, 'last', 'low', 'high')
local last, low, high = known[1] or '0-0', tonumber(known[2] or '0'), tonumber(known[3] or '-1')

local function is_before(ms, number, other_ms, other_number)
  if ms ~= other_ms then return ms < other_ms end
  return number < other_number
end

local function numbers_of(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local first, newest = '', '0-0'
if redis.call('EXISTS', STREAM) == 1 then
  local told = redis.call('XINFO', 'STREAM', STREAM)
  for i = 1, #told, 2 do
    if told[i] == 'last-generated-id' then newest = told[i + 1] end
    if told[i] == 'first-entry' and told[i + 1] then first = told[i + 1][1] end
  end
end

-- the ledger was begun anew: nothing that is indexed is there any more, and the numbers of the parts are not used again
local new_ms, new_number = numbers_of(newest)
local last_ms, last_number = numbers_of(last)
if is_before(new_ms, new_number, last_ms, last_number) then
  for number = low, high do redis.call('DEL', part(number)) end
  last, low = '0-0', high + 1
end

local short = {}
local function two_bytes(text)
  if not short[text] then short[text] = tonumber(string.sub(redis.sha1hex(text), 1, 4), 16) end
  return short[text]
end

-- The bit of a lane: 1 for people, then as the lanes are met; those beyond the seventh share one.
local bits = {[PEOPLE] = 1}
local function bit_of(lane)
  if not bits[lane] then
    local number = tonumber(redis.call('HGET', KEY, 'lane:' .. lane) or '0')
    if number == 0 then
      number = redis.call('HINCRBY', KEY, 'lanes', 1)
      redis.call('HSET', KEY, 'lane:' .. lane, number)
    end
    bits[lane] = number > 6 and 128 or 2 ^ number
  end
  return bits[lane]
end

local function bits_of(lanes)
  if lanes == PEOPLE then return 1 end
  local sum, met = 0, {}
  for lane in string.gmatch(lanes, '%S+') do
    local one = bit_of(lane)
    if not met[one] then sum, met[one] = sum + one, true end
  end
  return sum
end

local function person_of(text)
  return text and #text < 15 and string.match(text, '^%d+$') and tonumber(text) or 0
end

local function head(event, ms, number, sort, state)
  local hash = redis.sha1hex(event)
  local one, two = tonumber(string.sub(hash, 1, 8), 16), tonumber(string.sub(hash, 9, 16), 16)
  return struct.pack('>I4I4I6I4c1c1', one, two, ms, number, sort, LETTERS[state] or '?')
end

local records = {}
local function index(row)
  local ms, number = numbers_of(row[1])
  local fields, event, events, state, source, kind, person, lane, target, lanes = row[2], nil, nil, '', '', '', nil, nil, '', PEOPLE
  for i = 1, #fields, 2 do
    local name, text = fields[i], fields[i + 1]
    if name == 'e' then event = text
    elseif name == 'ev' then events = text
    elseif name == 'st' then state = text
    elseif name == 's' then source = text
    elseif name == 'k' then kind = text
    elseif name == 'p' then person = text
    elseif name == 'l' then lane = text
    elseif name == 'tg' then target = text
    elseif name == 'ls' then lanes = text
    end
  end
  person = person_of(person)
  if events then
    local bit = lane and bit_of(lane) or 1
    local place = lane and tonumber(string.sub(redis.sha1hex(target), 1, 8), 16) or 0
    local tail = struct.pack('>I4I6BB', place, person, bit, 0)
    for one in string.gmatch(events, '[^\n]+') do
      records[#records + 1] = head(one, ms, number, 'o', state) .. tail
    end
  elseif event then
    local tail = struct.pack('>I2I2I6BB', two_bytes(source), two_bytes(kind), person, bits_of(lanes), 0)
    records[#records + 1] = head(event, ms, number, state == 'repeated' and 'r' or 'e', state) .. tail
  end
end

local rows = redis.call('XRANGE', STREAM, '(' .. last, '+', 'COUNT', ARGV[1])
for _, row in ipairs(rows) do index(row) end
if #rows > 0 then last = rows[#rows][1] end
if #records > 0 then
  if high < low or redis.call('STRLEN', part(high)) >= PART_BYTES then
    high = high + 1
    redis.call('DEL', part(high))
  end
  redis.call('APPEND', part(high), table.concat(records))
end

-- parts whose newest record is older than the oldest row
while low <= high do
  if first ~= '' then
    local ms, number = struct.unpack('>I6I4', redis.call('GETRANGE', part(low), -24, -15))
    local first_ms, first_number = numbers_of(first)
    if not is_before(ms, number, first_ms, first_number) then break end
  end
  redis.call('DEL', part(low))
  low = low + 1
end
redis.call('HSET', KEY, 'last', last, 'low', low, 'high', high)
return {#rows, low, high, first}
