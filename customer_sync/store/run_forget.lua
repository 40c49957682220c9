-- Drop changes that a run holds back. ARGV: run, text, text, ... The run's version grows, so that no step that has read
-- them goes on with them. Returns how many were dropped.
local key, gone = P .. 'run:' .. ARGV[1], 0
for i = 2, #ARGV do gone = gone + redis.call('LREM', key .. ':held', 0, ARGV[i]) end
if gone > 0 then
  redis.call('HINCRBY', key, 'n.held', -gone)
  redis.call('HINCRBY', key, 'v', 1)
end
return gone
