-- Reads a key, its counter and its waiting list.
-- KEYS[1] key   KEYS[2] counter   KEYS[3] waiting list
-- ARGV[1] given if the label of the holder is wanted
-- {value, milliseconds left, counter, waiters, label}. value: nil if the key does not exist or is not a
-- string. milliseconds left: -1 without expiry, -2 if the key does not exist. counter: -1 if there
-- is none or if it is corrupt. waiters: -1 if they could not be counted. label: nil if the holder has none,
-- if it could not be read, or if it is that of another lease.
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
local label = false
if ARGV[1] and value then
  n = 1
  local id = value
  --@include holder
  local record = redis.pcall('GET', holder)
  if type(record) == 'string' and string.sub(record, 1, #named) == named then
    label = string.sub(record, #named + 1)
  end
end
waiters = type(waiters) == 'number' and waiters or -1
return {value, redis.call('PTTL', KEYS[1]), number, waiters, label}
