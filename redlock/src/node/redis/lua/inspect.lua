-- Reads a key, its counter and its waiting list.
-- KEYS[1] key   KEYS[2] counter   KEYS[3] waiting list
-- {value, milliseconds left, counter, waiters}. value: nil if the key does not exist or is not a
-- string. milliseconds left: -1 without expiry, -2 if the key does not exist. counter: -1 if there
-- is none or if it is corrupt. waiters: -1 if they could not be counted.
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
local waiters = redis.pcall('ZCARD', KEYS[3])
return {value, redis.call('PTTL', KEYS[1]), number, type(waiters) == 'number' and waiters or -1}
