-- Take a parked thing back into the line. ARGV: id, lane or `inbox`, target, content. Returns 1 when it was there.
if redis.call('HDEL', P .. 'parked', ARGV[1]) == 0 then return 0 end
redis.call('ZREM', P .. 'parked:at', ARGV[1])
if ARGV[2] == 'inbox' then
  redis.call('XADD', P .. 'inbox', '*', 'r', ARGV[4])
else
  local now = now_ms()
  put(ARGV[2], ARGV[3], 1, now, now, {ARGV[4]})
end
return 1
