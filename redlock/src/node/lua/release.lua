-- Deletes the key if it is ours.
-- KEYS[1] key   ARGV[1] lease id
-- 1: deleted.  0: not there, or not ours.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
