-- Take a key that nobody has: a lease, a turn. ARGV: key, token, ms at most. Returns 1 when it is ours now.
return claim(ARGV[1], ARGV[2], tonumber(ARGV[3])) and 1 or 0
