-- Puts the keys of a held lease back where they are missing, all or none.
-- KEYS keys, then as many counters if ARGV[3] is given
-- ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- ARGV[3] token that the counters must not be below   ARGV[4] retention of the counters
-- OK: all keys are ours and have at least the ttl left.
-- integer: the milliseconds that another owner's key has left, -1 without expiry; the longest.
-- 'type': a key is not a string and therefore not a lock.
-- Everything is checked before anything is written: a script that fails is not undone.
local count = ARGV[3] and #KEYS / 2 or #KEYS
local longest = -2
for n = 1, count do
  --@include get
  if type(value) == 'table' then
    return failed and value or 'type'
  end
  if value and value ~= ARGV[1] then
    local left = redis.call('PTTL', KEYS[n])
    longest = (left == -1 or longest == -1) and -1 or math.max(left, longest)
  end
end
if longest ~= -2 then
  return longest
end
for n = 1, count do
  -- Fails on a server that must not write, even if the key is there.
  if not redis.call('SET', KEYS[n], ARGV[1], 'NX', 'PX', ARGV[2]) then
    local left = redis.call('PTTL', KEYS[n])
    if left >= 0 and left < tonumber(ARGV[2]) then
      redis.call('PEXPIRE', KEYS[n], ARGV[2])
    end
  end
end
for n = count + 1, #KEYS do
  --@include counter
  if failed then
    return score
  end
  -- A corrupt counter is left alone: acquisitions report it.
  if not score or number >= 0 then
    if number < tonumber(ARGV[3]) then
      redis.call('ZADD', KEYS[n], ARGV[3], MEMBER)
    end
    if redis.call('PTTL', KEYS[n]) < tonumber(ARGV[4]) then
      redis.call('PEXPIRE', KEYS[n], ARGV[4])
    end
  end
end
return redis.status_reply('OK')
