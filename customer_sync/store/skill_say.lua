-- ARGV: skill, word (enabled, disabled or file), config as JSON ("" keeps the one that is there).
-- The newest word about a skill wins: none is older than the one before it, whatever the clock did meanwhile.
-- A value is `ms|word|config`. Returns it.
local key = P .. 'skills'
local at, word, config = now_ms(), '', ''
local before = redis.call('HGET', key, ARGV[1])
if before then
  local ms, earlier, kept = string.match(before, '^(%d+)|(%l+)|(.*)$')
  if ms and at <= tonumber(ms) then at = tonumber(ms) + 1 end
  if earlier == 'enabled' or earlier == 'disabled' then config = kept end
end
if ARGV[3] ~= '' then config = ARGV[3] end
if ARGV[2] == 'file' then config = '' end
local value = string.format('%d|%s|%s', at, ARGV[2], config)
redis.call('HSET', key, ARGV[1], value)
return value
