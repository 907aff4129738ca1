-- Releases keys that are to stay for a while: has each that is ours expire then.
-- KEYS keys   ARGV[1] lease id   ARGV[2] for how many milliseconds to keep them
-- 1: done.  0: none is there, or ours.
local done = 0
for n = 1, #KEYS do
  if redis.pcall('GET', KEYS[n]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
    done = 1
  end
end
return done
