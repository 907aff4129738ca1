-- Looks at the key.
-- KEYS[1] key
-- nil: not there.  {value, milliseconds left}: the value is nil if it is no string.
local left = redis.call('PTTL', KEYS[1])
if left == -2 then
  return false
end
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then
  value = false
end
return {value, left}
