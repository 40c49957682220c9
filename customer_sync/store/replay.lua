-- Put a parked request back into the inbox, or a parked item back into its lane. ARGV: id, lane or `inbox`, target,
-- content...; a change of a record goes to the person that the record leads to now. Returns since when the id was parked,
-- in ms; 0 when it was not.
if redis.call('HDEL', P .. 'parked', ARGV[1]) == 0 then return '0' end
local since = redis.call('ZSCORE', P .. 'parked:at', ARGV[1]) or '1'
redis.call('ZREM', P .. 'parked:at', ARGV[1])
redis.call('HDEL', P .. 'parked:brief', ARGV[1])
local now, lane = now_ms(), ARGV[2]
for i = 4, #ARGV do
  if lane == 'inbox' then redis.call('XADD', P .. 'inbox', '*', 'r', ARGV[i])
  elseif not lane_is(lane, 'p') then
    -- what waits already keeps the time that it has
    if redis.call('ZSCORE', P .. 'since:' .. lane, ARGV[3]) then redis.call('RPUSH', P .. 'c:' .. lane .. ':' .. ARGV[3], ARGV[i])
    else put(lane, ARGV[3], 1, now, now, {ARGV[i]}) end
  elseif string.sub(ARGV[i], 2, 2) == '@' then tell(ARGV[3], 1, now, {ARGV[i]})
  else
    local home, ref = home_of(string.sub(ARGV[i], 2, 17))
    -- a buyer without an account is identified by the address
    if not home then tell(ARGV[3], 1, now, {ARGV[i]})
    elseif ref == string.sub(ARGV[i], 2, 17) then tell(home, 1, now, {ARGV[i]}) end
  end
end
return since
