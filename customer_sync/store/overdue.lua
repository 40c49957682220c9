-- Return how many requests of the inbox, and how many live items of each lane, wait for longer than a time.
-- ARGV: that time in ms, how many are looked at, lanes...
-- Items of runs (priority 2) do not count. Where more wait than are looked at, the rest is estimated: requests as evenly
-- spread over the time in which they came, items by a sample.
local till, most = now_ms() - tonumber(ARGV[1]), tonumber(ARGV[2])

local function stamp(entry) return tonumber(string.match(entry[1], '^%d+')) end

local function requests()
  local key = P .. 'inbox'
  if redis.call('EXISTS', key) == 0 then return 0 end
  local last = string.format('%.0f', till)
  local found = #redis.call('XRANGE', key, '-', last, 'COUNT', most)
  if found < most then return found end
  local first = stamp(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1])
  local newest = stamp(redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1])
  local share = newest <= till and 1 or (till - first) / (newest - first)
  return math.max(found, math.floor(redis.call('XLEN', key) * share))
end

local function items(lane)
  local since = P .. 'since:' .. lane
  local all = redis.call('ZCOUNT', since, '-inf', till)
  if all == 0 then return 0 end
  -- without items of runs every item that waits is a live one, leased or not
  if redis.call('ZCARD', qkey(lane, 2)) == 0 and redis.call('HLEN', P .. 'prio:' .. lane) == 0 then return all end
  local count = 0
  for prio = 0, 1 do
    local size = redis.call('ZCARD', qkey(lane, prio))
    local targets = redis.call('ZRANDMEMBER', qkey(lane, prio), most)
    local late = 0
    for _, at in ipairs(#targets > 0 and many('ZMSCORE', since, targets) or {}) do
      if at and tonumber(at) <= till then late = late + 1 end
    end
    count = count + (size > most and math.floor(size * late / most) or late)
  end
  return math.min(all, count)
end

local answer = {requests()}
for i = 3, #ARGV do answer[#answer + 1] = items(ARGV[i]) end
return answer
