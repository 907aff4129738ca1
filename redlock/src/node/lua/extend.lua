-- Moves the expiry of our key further away; never nearer, and never makes the key again.
-- KEYS[1] key   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- 1: ours, and there for at least the ttl.  0: not there, or not ours.
-- pcall, because a key of another type is an answer here and not an error.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
