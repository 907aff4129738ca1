-- Takes the keys if none of them exists, and moves their counters to the proposed fencing token, or
-- to one more than the largest counter if that is larger.
-- KEYS keys, then as many counters
-- ARGV[1] lease id   ARGV[2] ttl   ARGV[3] proposal   ARGV[4] retention of the counters
-- Times are in milliseconds.
-- 1 or more: granted. This call moved the counters to this value.
-- below 0: busy. -1 if a key has no expiry; -2 - n if it has n milliseconds left; of several keys,
-- the longest.
-- 'type': a key is not a string and therefore not a lock.
-- 'counter': a counter is corrupt or exhausted.
-- A call that is not granted leaves nothing behind: an error does not undo a script.
local count = #KEYS / 2
local taken = count == 1 and redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
if not taken then
  --@include longest
  if longest ~= -2 then
    return longest == -1 and -1 or -2 - longest
  end
end
--@include counters
if not counter then
  if taken then
    redis.call('DEL', KEYS[1])
  end
  return problem
end
if not taken then
  for n = 1, count do
    redis.call('SET', KEYS[n], ARGV[1], 'PX', ARGV[2])
  end
end
local stamp = math.max(counter + 1, 1, tonumber(ARGV[3]))
local retention = ARGV[4]
--@include move_counters
return stamp
