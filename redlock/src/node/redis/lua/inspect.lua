-- Looks at the key and its counter.
-- KEYS[1] key    KEYS[2] counter
-- {value, milliseconds left, counter}: without a key -2 are left; the value is nil if there is
-- none, or none that is a string; the counter is -1 if there is none.
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then
  value = false
end
local counter = redis.pcall('ZSCORE', KEYS[2], 'c')
counter = type(counter) == 'string' and tonumber(counter) or -1
if counter < 0 or counter > 9007199254740000 or counter ~= math.floor(counter) then
  counter = -1
end
return {value, redis.call('PTTL', KEYS[1]), counter}
