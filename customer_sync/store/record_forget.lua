-- Forget of a record of another lane what is not newer than an erasure, unless it changed meanwhile: then nothing is done.
-- ARGV: whom, lane, target, the SHA-1 of what was read (the record, then every change), the record that stays or '',
-- each change that stays. A lease on it ends: what its worker read is forgotten. Returns 1 when done.
local whom, lane, target = ARGV[1], ARGV[2], ARGV[3]
local key = P .. 'c:' .. lane .. ':' .. target
local changes = redis.call('LRANGE', key, 0, -1)
if redis.sha1hex((redis.call('GET', record_key(lane, target)) or '') .. table.concat(changes)) ~= ARGV[4] then return 0 end
if ARGV[5] == '' then redis.call('DEL', record_key(lane, target)) else redis.call('SET', record_key(lane, target), ARGV[5]) end
if #ARGV == 5 then drop(lane, target)
else
  redis.call('DEL', key)
  redis.call('RPUSH', key, unpack(ARGV, 6))
  if redis.call('ZREM', P .. 'lease:' .. lane, target) == 1 then
    redis.call('HDEL', P .. 'tok:' .. lane, target)
    local now = now_ms()
    redis.call('ZADD', qkey(lane, prio_of(lane, target)), due_after_lease(lane, target, now), target)
  end
end
if ARGV[5] == '' and #ARGV == 5 then redis.call('SREM', P .. 'of:' .. whom, lane .. '|' .. target) end
return 1
