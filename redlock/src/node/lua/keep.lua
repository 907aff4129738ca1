-- Releases a key that is to stay for a while: lets it expire sooner.
-- KEYS[1] key   ARGV[1] lease id   ARGV[2] for how many milliseconds to keep it
-- 1: done.  0: not there, or not ours.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
