-- Note a slot as done. ARGV: name, ms. Returns 1, or 0 when this slot or a later one was done.
if tonumber(redis.call('HGET', P .. 'slots', ARGV[1]) or '0') >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', P .. 'slots', ARGV[1], ARGV[2])
return 1
