-- A shared rate limit, by server time. ARGV[1]: bucket; ARGV[2]: reserve|learn|hold.
-- The hash holds: rps (0: no limit), tat (when the next call may be made, in ms), hold (no call before this time, in
-- ms) and holds (for how many ms it was set), left and ends (calls left in the hour, and when the hour ends) and lasts (in
-- how many ms it was said to end), probes and probed (calls allowed before the limit
-- was known), storm (429s in a row), lived (time of the last call that live work has reserved, in ms), turn (when bulk
-- work gets a call although live work waits).
local key, verb = P .. 'lim:' .. ARGV[1], ARGV[2]
local now
do local t = redis.call('TIME'); now = t[1] * 1000 + t[2] / 1000 end
local function num(name, default)
  return tonumber(redis.call('HGET', key, name) or default)
end

-- The longest hold that an earlier version, which did not note how long, has set, in ms.
local MOST_MS = 3700000

-- A time ahead; 0 where it is past, or further ahead than it can be: then the clock was set back since.
local function ahead_of(name, most)
  local at = num(name, 0)
  return at > now and at - now <= most and at or 0
end

if verb == 'reserve' then
  -- ARGV[3]: how many; ARGV[4]: how far ahead, in ms; ARGV[5]: share of the rate to use; ARGV[6]: 1 when urgent;
  -- ARGV[7]: calls before the limit is known; ARGV[8]: share of the hour kept for urgent work; ARGV[9]: 1 for bulk;
  -- ARGV[10]: calls a second where the limit is known beforehand, 0 for no limit; this counts before a learned limit.
  -- Returns {wait_ms, offset_ms, offset_ms, ...}: a wait when nothing was granted.
  local n, ahead = tonumber(ARGV[3]), tonumber(ARGV[4])
  local hold = ahead_of('hold', num('holds', MOST_MS) + 1000)
  if hold > 0 then return {math.ceil(hold - now)} end
  local ends = ahead_of('ends', num('lasts', MOST_MS) + 1000)
  if ends > 0 then
    local left = num('left', 0)
    local kept = ARGV[6] == '1' and 0 or math.floor(num('rph', 0) * tonumber(ARGV[8]))
    if left - kept < 1 then return {math.ceil(ends - now)} end
    n = math.min(n, left - kept)
  end
  local rps = ARGV[10] or redis.call('HGET', key, 'rps')
  local granted = {0}
  if not rps then
    -- the limit is not known yet: allow a few calls and learn the limit from their answers
    if math.abs(now - num('probed', 0)) > 1000 then redis.call('HSET', key, 'probed', string.format('%.0f', now), 'probes', 0) end
    local room = tonumber(ARGV[7]) - num('probes', 0)
    if room < 1 then return {50} end
    n = math.min(n, room)
    redis.call('HINCRBY', key, 'probes', n)
    for _ = 1, n do granted[#granted + 1] = 0 end
  elseif tonumber(rps) == 0 then
    for _ = 1, n do granted[#granted + 1] = 0 end
  else
    local interval = 1000 / (tonumber(rps) * tonumber(ARGV[5]))
    local tat = math.max(ahead_of('tat', ahead + 5 * interval + 2000), now)
    if ARGV[9] == '1' then
      n = 1
      local lived, turn = ahead_of('lived', ahead + 5 * interval + 2000), ahead_of('turn', 10 * interval + 2000)
      if lived <= now then ahead = 0 -- no live work waits: the next call is free at once
      elseif turn > now then return {math.ceil(math.min(turn, lived) - now)}
      else
        redis.call('HSET', key, 'turn', string.format('%.3f', now + 10 * interval))
        ahead = ahead + 2 * interval
      end
    end
    while n > 0 and tat - now <= ahead do
      granted[#granted + 1] = math.floor(tat - now + 0.5)
      tat = tat + interval
      n = n - 1
    end
    if #granted == 1 then return {math.ceil(tat - now - ahead)} end
    redis.call('HSET', key, 'tat', string.format('%.3f', tat))
    if ARGV[9] ~= '1' then redis.call('HSET', key, 'lived', string.format('%.3f', tat - interval)) end
  end
  if ends > now then redis.call('HINCRBY', key, 'left', 1 - #granted) end
  return granted
elseif verb == 'learn' then
  -- ARGV[3]: limit, -1 when the answer had no headers; ARGV[4]: remaining; ARGV[5]: reset in s
  local limit, remaining, reset = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  redis.call('HDEL', key, 'storm')
  if limit < 0 then
    redis.call('HSETNX', key, 'rps', 0)
  elseif reset <= 1 and limit ~= num('rph', -1) then
    if redis.call('HEXISTS', key, 'rps') == 0 and limit > 0 then
      -- calls that were allowed before the limit was known count, too
      local out = math.max(1, math.min(limit, num('probes', 1)))
      redis.call('HSET', key, 'tat', string.format('%.3f', now + out * 1050 / limit))
    end
    redis.call('HSET', key, 'rps', limit)
  else
    -- within one window the smaller number is right: the answer does not count calls that are not yet answered
    local is_same = num('ends', 0) > now and math.abs(num('ends', 0) - (now + reset * 1000)) <= 2000
    local left = is_same and math.min(num('left', remaining), remaining) or remaining
    redis.call('HSET', key, 'rph', limit, 'left', left, 'ends', string.format('%.0f', now + reset * 1000))
    redis.call('HSET', key, 'lasts', string.format('%.0f', reset * 1000))
    redis.call('HSETNX', key, 'rps', 0)
  end
  return {0}
else
  -- hold: ARGV[3]: reset in s, -1 when unknown; ARGV[4]: how many times as long an unknown one lasts. Returns {ms until calls may go again}
  local reset = tonumber(ARGV[3])
  -- a 429 proves that a limit exists: learn the limit again
  if num('rps', -1) == 0 then redis.call('HDEL', key, 'rps') end
  -- calls that ran at the same time and were all refused count as one refusal
  local held = ahead_of('hold', num('holds', MOST_MS) + 1000)
  if reset < 0 and held > 0 then return {math.ceil(held - now)} end
  local storm = redis.call('HINCRBY', key, 'storm', 1)
  local wait = reset >= 0 and math.max(reset, 0.05) * 1000 or math.min(60000, 500 * 2 ^ math.min(storm, 8)) * tonumber(ARGV[4])
  local till = math.max(held, now + wait)
  redis.call('HSET', key, 'hold', string.format('%.0f', till), 'tat', string.format('%.0f', till))
  redis.call('HSET', key, 'holds', string.format('%.0f', math.ceil(till - now)))
  return {math.ceil(till - now)}
end
