-- Keep what lists show of parked things, where these are still parked. ARGV: id, text, id, text, ...
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', P .. 'parked', ARGV[i]) == 1 then redis.call('HSET', P .. 'parked:brief', ARGV[i], ARGV[i + 1]) end
end
