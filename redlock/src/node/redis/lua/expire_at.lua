-- Releases keys later: sets a relative expiry on each key that is ours.
-- KEYS keys   ARGV[1] lease id   ARGV[2] delay in milliseconds
-- 1: at least one key was ours.
-- 0: no key exists or is ours.
-- pcall: a key of another type is not ours; it is not an error.
local done = 0
for n = 1, #KEYS do
  if redis.pcall('GET', KEYS[n]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
    done = 1
  end
end
return done
