-- Reads a key and its counter.
-- KEYS[1] key   KEYS[2] counter
-- {value, milliseconds left, counter}. value: nil if the key does not exist or is not a string.
-- milliseconds left: -1 without expiry, -2 if the key does not exist. counter: -1 if there is none
-- or if it is corrupt.
local n = 1
--@include get
if failed then
  return value
end
if type(value) ~= 'string' then
  value = false
end
n = 2
--@include counter
if failed then
  return score
end
return {value, redis.call('PTTL', KEYS[1]), number}
