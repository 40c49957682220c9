-- Shared by every script of this folder: keys, time, and the lanes' put.
local P = 'tajo:'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- One command for many arguments, a few thousand at a time; the answers of reading ones in one list. `key` may be nil.
local function many(command, key, arguments)
  local answers = {}
  for first = 1, #arguments, 2000 do
    local last = math.min(first + 1999, #arguments)
    local answer
    if key then answer = redis.call(command, key, unpack(arguments, first, last))
    else answer = redis.call(command, unpack(arguments, first, last)) end
    if type(answer) == 'table' then
      for i = 1, last - first + 1 do answers[first + i - 1] = answer[i] end
    end
  end
  return answers
end

local function qkey(lane, prio) return P .. 'q:' .. lane .. ':' .. prio end

local function prio_of(lane, target)
  return tonumber(redis.call('HGET', P .. 'prio:' .. lane, target) or '1')
end

local function set_prio(lane, target, prio)
  if prio == 1 then redis.call('HDEL', P .. 'prio:' .. lane, target)
  else redis.call('HSET', P .. 'prio:' .. lane, target, prio) end
end

-- A live or urgent change may take the lease away from the bulk gear: from a load (its token begins with b) or from a
-- running import (i). That is safe: where an import only creates contacts, the result does not depend on which call Brevo
-- handles first; where it updates (iu), what was written meanwhile is written again after its end (`settle`). The
-- import's later result for this item is ignored, because its lease is gone.
local function steal(lane, target, prio, due)
  local held = redis.call('HGET', P .. 'tok:' .. lane, target)
  if prio > 1 or not held or not string.find(held, '^[bi]') then return false end
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
  return true
end

-- Whether a lane has a property, by its letter: p keeps people, r keeps records of its own, g has a bulk gear, t: people's
-- totals are summed up over its records. See
-- `store/lanes.py`. The contacts lane is known even where Redis lost all its data while the workers were running.
local PEOPLE = 'contacts'
local letters = {}
local function lane_is(lane, letter)
  if not letters[lane] then
    letters[lane] = (redis.call('HGET', P .. 'lanes', lane) or '') .. (lane == PEOPLE and 'p' or '')
  end
  return string.find(letters[lane], letter, 1, true) and true or false
end

-- Where the record of a target is kept: a person's, or one of the lane's own.
local function record_key(lane, target)
  if lane_is(lane, 'p') then return P .. 'p:' .. target end
  return P .. 'rec:' .. lane .. ':' .. target
end

-- A leased item that is due at a time of its own once its worker is done with it; 0 is at once.
local function set_later(lane, target, due, now, is_moved)
  if lane_is(lane, 'p') then return end
  local was = redis.call('HGET', P .. 'later:' .. lane, target)
  if due <= now then due = 0 end
  if not is_moved then due = math.min(due, tonumber(was or due)) end
  redis.call('HSET', P .. 'later:' .. lane, target, string.format('%.0f', due))
end

-- Return when an item is due after its lease: the time that was set during the lease, else `due`.
local function due_after_lease(lane, target, due)
  if lane_is(lane, 'p') then return due end
  local later = redis.call('HGET', P .. 'later:' .. lane, target)
  if not later then return due end
  redis.call('HDEL', P .. 'later:' .. lane, target)
  return math.max(due, tonumber(later))
end

-- No pause of a lane is longer, in ms; one that ends later was begun before the clock was set back, and counts as over.
local PAUSE_MS = 60000

-- An item that failed waits at least this long, in ms, whatever time of its own it gets.
local FAILED_MS = 60000

-- Whether a change may move the time at which an item is due: an older one that came late may not.
local function may_move(lane, target, at)
  local known = redis.call('HGET', P .. 'moved:' .. lane, target)
  if known and tonumber(known) > at then return false end
  redis.call('HSET', P .. 'moved:' .. lane, target, string.format('%.0f', at))
  return true
end

-- Since when an item waits: one that is put off waits since it is due. What was tried already waits since the first try.
local function waits_since(lane, target, due, now)
  if lane_is(lane, 'p') or redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 1 then return end
  redis.call('ZADD', P .. 'since:' .. lane, 'XX', math.max(now, due), target)
end

-- Append changes to a target's item. Only ever makes it more urgent, and due sooner unless it is moved to a time of its
-- own, by a change of the time `moved_at`; a leased item stays leased, unless the bulk gear has it. Returns the length of
-- its list.
local function put(lane, target, prio, due, now, changes, moved_at)
  local length = redis.call('RPUSH', P .. 'c:' .. lane .. ':' .. target, unpack(changes))
  local fresh = redis.call('ZADD', P .. 'since:' .. lane, 'NX', now, target) == 1
  redis.call('HSETNX', P .. 'lanes', lane, '')
  local is_moved = moved_at and may_move(lane, target, moved_at)
  if fresh then
    set_prio(lane, target, prio)
    redis.call('ZADD', qkey(lane, prio), due, target)
    if due > now then waits_since(lane, target, due, now) end
    return length
  end
  if moved_at and not is_moved then due = math.huge end -- it moves nothing
  local old = prio_of(lane, target)
  local leased = redis.call('ZSCORE', P .. 'lease:' .. lane, target)
  if leased and steal(lane, target, prio, due) then leased = nil end
  if prio < old then
    set_prio(lane, target, prio)
    if old == 2 then redis.call('SADD', P .. 'was_bulk:' .. lane, target) end
    if not leased then
      local was = redis.call('ZSCORE', qkey(lane, old), target)
      redis.call('ZREM', qkey(lane, old), target)
      redis.call('ZADD', qkey(lane, prio), was and math.min(due, tonumber(was)) or due, target)
    end
  end
  if leased then
    if due < math.huge then set_later(lane, target, due, now, is_moved) end
  elseif is_moved then
    if redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 1 then due = math.max(due, now + FAILED_MS) end
    redis.call('ZADD', qkey(lane, math.min(prio, old)), due, target)
    waits_since(lane, target, due, now)
  elseif prio >= old and due < math.huge then
    -- an item that waits after a failed try keeps its wait; new data does not make a broken item hot
    if redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 0 then
      redis.call('ZADD', qkey(lane, old), 'LT', due, target)
      if due <= now then redis.call('ZADD', P .. 'since:' .. lane, 'LT', now, target) end
    end
  end
  return length
end

-- Forget a target's item altogether.
local function drop(lane, target)
  redis.call('DEL', P .. 'c:' .. lane .. ':' .. target)
  redis.call('ZREM', P .. 'since:' .. lane, target)
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  for prio = 0, 2 do redis.call('ZREM', qkey(lane, prio), target) end
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('HDEL', P .. 'prio:' .. lane, target)
  redis.call('HDEL', P .. 'tries:' .. lane, target)
  redis.call('HDEL', P .. 'mark:' .. lane, target)
  redis.call('HDEL', P .. 'cut:' .. lane, target)
  redis.call('HDEL', P .. 'later:' .. lane, target)
  redis.call('HDEL', P .. 'moved:' .. lane, target)
  redis.call('SREM', P .. 'was_bulk:' .. lane, target)
  redis.call('SREM', P .. 'put_off:' .. lane, target)
end

-- Take a key for so many ms at most. Redis keeps the end by its clock: a key that lives longer than anybody takes it for
-- was taken before the clock was set back, and counts as free.
local function claim(key, value, ms)
  if redis.call('PTTL', key) > ms then redis.call('DEL', key) end
  return redis.call('SET', key, value, 'NX', 'PX', ms) and true or false
end

-- Whether a wake-up must be sent. The key holds for how many ms it was set, see `claim`.
local function wake(name)
  local key = P .. 'wake:' .. name
  local asked = redis.call('GET', key)
  if asked and redis.call('PTTL', key) <= (tonumber(asked) or 0) then return false end
  redis.call('SET', key, '1000', 'PX', 1000)
  return true
end
