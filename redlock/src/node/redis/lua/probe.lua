-- Runs the commands that extending and releasing need, to find those that the user may not run.
-- KEYS none: a server checks the rights to these before it runs the script.
-- ARGV[1] a key that does not exist. If it does, it is left alone.
-- {the responses to GET, DEL, PTTL and PEXPIRE}, or {} if the key exists.
local key = ARGV[1]
local value = redis.pcall('GET', key)
if value and (type(value) == 'string' or string.find(value.err, 'WRONGTYPE', 1, true)) then
  return {}
end
local left, expired = redis.pcall('PTTL', key), redis.pcall('PEXPIRE', key, 1)
return {value, redis.pcall('DEL', key), left, expired}
