-- Deletes the key if it is ours, or lets it expire sooner.
-- KEYS[1] key   ARGV[1] lease id   ARGV[2] milliseconds for which to keep it, where it is kept
-- 1: done.  0: not there, or not ours.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return redis.call('DEL', KEYS[1])
