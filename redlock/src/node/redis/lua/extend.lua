-- Moves the expiry of our keys further away; never nearer, and never makes a key again.
-- KEYS keys, then as many counters if they are to be kept
-- ARGV[1] lease id   ARGV[2] ttl in milliseconds   ARGV[3] how long the counters are kept
-- 1: all are ours, and there for at least the ttl.  0: one is not there, or not ours.
-- pcall, because a key of another type is an answer here and not an error.
local count = ARGV[3] and #KEYS / 2 or #KEYS
for n = 1, count do
  if redis.pcall('GET', KEYS[n]) ~= ARGV[1] then
    return 0
  end
end
for n = 1, count do
  local left = redis.call('PTTL', KEYS[n])
  if left >= 0 and left < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
  end
end
for n = count + 1, #KEYS do
  -- -2: there is no counter.  -1: it has no expiry, which it should have.
  local left = redis.call('PTTL', KEYS[n])
  if left ~= -2 and left < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[3])
  end
end
return 1
