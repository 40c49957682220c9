-- ARGV: what. Returns 1 when a wake-up must be sent; then none is needed for a second.
return wake(ARGV[1]) and 1 or 0
