-- Add to numbers in hashes; Redis may be full, since the fields are few. ARGV, for each hash: its key, how many seconds
-- it is kept ("0": for good), how many fields; then field, by, field, by, ...
local at = 1
while at <= #ARGV do
  local key, kept_s, n = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  for i = at + 3, at + 1 + 2 * n, 2 do redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
  if kept_s ~= '0' then redis.call('EXPIRE', key, kept_s) end
  at = at + 3 + 2 * n
end
