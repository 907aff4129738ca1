-- Moves the expiry of our key further away; never nearer, and never makes the key again.
-- KEYS[1] key    KEYS[2] counter, where there is one
-- ARGV[1] lease id   ARGV[2] ttl in milliseconds   ARGV[3] how long the counter is kept
-- 1: ours, and there for at least the ttl.  0: not there, or not ours.
-- pcall, because a key of another type is an answer here and not an error.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if KEYS[2] then
  -- -2: there is no counter.  -1: it has no expiry, which it should have.
  left = redis.call('PTTL', KEYS[2])
  if left ~= -2 and left < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
  end
end
return 1
