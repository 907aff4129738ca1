-- Releases keys later: sets a relative expiry on each key that is ours.
-- KEYS keys   ARGV[1] lease id   ARGV[2] delay in milliseconds
-- 1: at least one key was ours.
-- 0: no key exists or is ours.
-- pcall: an error must not stop the other keys. The first one is the response.
local done, failure = 0, false
for n = 1, #KEYS do
  --@include get
  if value == ARGV[1] then
    value = redis.pcall('PEXPIRE', KEYS[n], ARGV[2])
    failed = type(value) == 'table'
    done = failed and done or 1
  end
  failure = failure or failed and value
end
return failure or done
