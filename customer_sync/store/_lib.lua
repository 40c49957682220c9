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
-- running import (i). That is safe: an import only creates contacts, so the result does not depend on which call Brevo
-- handles first. The import's later result for this item is ignored, because its lease is gone.
local function steal(lane, target, prio, due)
  local held = redis.call('HGET', P .. 'tok:' .. lane, target)
  if prio > 1 or not held or not string.find(held, '^[bi]') then return false end
  redis.call('ZREM', P .. 'lease:' .. lane, target)
  redis.call('HDEL', P .. 'tok:' .. lane, target)
  redis.call('ZADD', qkey(lane, prio_of(lane, target)), due, target)
  return true
end

-- What a lane is, in letters: p keeps people, r keeps records of its own, g has a bulk gear. See `store/lanes.py`. Whom
-- this one keeps is known even where Redis forgot everything while the workers live.
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

-- A leased item that is due at a time of its own once its worker is done with it.
local function set_later(lane, target, due, now, is_moved)
  if lane_is(lane, 'p') then return end
  local was = redis.call('HGET', P .. 'later:' .. lane, target)
  if not is_moved then due = math.min(due, tonumber(was or due)) end
  if due <= now then redis.call('HDEL', P .. 'later:' .. lane, target)
  else redis.call('HSET', P .. 'later:' .. lane, target, string.format('%.0f', due)) end
end

-- When an item is due whose lease is over; `due` when nothing else was said meanwhile.
local function due_after_lease(lane, target, due)
  if lane_is(lane, 'p') then return due end
  local later = redis.call('HGET', P .. 'later:' .. lane, target)
  if not later then return due end
  redis.call('HDEL', P .. 'later:' .. lane, target)
  return math.max(due, tonumber(later))
end

-- Append changes to a target's item. Only ever makes it more urgent, and due sooner unless it is moved to a time of its
-- own (`is_moved`); a leased item stays leased, unless the bulk gear has it. Returns the length of its list.
local function put(lane, target, prio, due, now, changes, is_moved)
  local length = redis.call('RPUSH', P .. 'c:' .. lane .. ':' .. target, unpack(changes))
  local fresh = redis.call('ZADD', P .. 'since:' .. lane, 'NX', now, target) == 1
  redis.call('HSETNX', P .. 'lanes', lane, '')
  if fresh then
    set_prio(lane, target, prio)
    redis.call('ZADD', qkey(lane, prio), due, target)
    return length
  end
  local old = prio_of(lane, target)
  local leased = redis.call('ZSCORE', P .. 'lease:' .. lane, target)
  if leased and steal(lane, target, prio, due) then leased = nil end
  if prio < old then
    set_prio(lane, target, prio)
    if not leased then
      local was = redis.call('ZSCORE', qkey(lane, old), target)
      redis.call('ZREM', qkey(lane, old), target)
      redis.call('ZADD', qkey(lane, prio), was and math.min(due, tonumber(was)) or due, target)
    end
  end
  if leased then set_later(lane, target, due, now, is_moved)
  elseif is_moved then
    local failed = redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 1
    redis.call('ZADD', qkey(lane, math.min(prio, old)), unpack(failed and {'GT', due, target} or {due, target}))
  elseif prio >= old then
    -- an item that waits after a failed try keeps its wait; new data does not make a broken item hot
    if redis.call('HEXISTS', P .. 'tries:' .. lane, target) == 0 then
      redis.call('ZADD', qkey(lane, old), 'LT', due, target)
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
end

local function wake(name)
  return redis.call('SET', P .. 'wake:' .. name, '1', 'NX', 'PX', 1000) and true or false
end
