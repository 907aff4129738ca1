-- Postpones the expiry of keys that are ours. Never brings it forward, never creates a key.
-- KEYS keys, then as many counters if ARGV[3] is given
-- ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- ARGV[3] retention of the counters in milliseconds, '' for none if a label follows
-- ARGV[4] label of the holder, if it has one
-- 1: all keys are ours and have at least the ttl left.
-- 2: likewise, but the user may not write the label.
-- 0: a key does not exist or is not ours.
-- -1: the keys that are not ours are those of an adopter that has not decided yet.
local count = (ARGV[3] or '') ~= '' and #KEYS / 2 or #KEYS
local id, label, done = ARGV[1], ARGV[4], 1
--@include held
local has_written = false
for n = 1, count do
  local left = redis.call('PTTL', KEYS[n])
  if left >= 0 and left < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[2])
    has_written = true
    left = ARGV[2]
  end
  if label then
    --@include label
    done = is_refused and 2 or done
  end
end
if not has_written then
  -- Changes nothing, but fails on a server that must not write: a replica must not confirm.
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 then
    redis.call('PEXPIRE', KEYS[1], left)
  end
end
for n = count + 1, #KEYS do
  -- -2: there is no counter.  -1: it has no expiry, but should have one.
  local left = redis.call('PTTL', KEYS[n])
  if left ~= -2 and left < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[3])
  end
end
return done
