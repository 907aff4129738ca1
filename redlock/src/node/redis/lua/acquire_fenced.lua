-- Takes the keys if none of them exists or is kept for another waiter, and moves their counters to
-- the proposed fencing token, or to one more than the largest counter if that is larger.
-- KEYS keys, then as many counters, then as many waiting lists
-- ARGV[1] lease id   ARGV[2] ttl
-- ARGV[3] microseconds for which the waiter has waited
-- ARGV[4] waiter, empty if none is to be listed   ARGV[5] hinting: '', 'count' or 'blind';
-- 'none' if there are no waiting lists: their names are then those of the keys
-- ARGV[6] proposal   ARGV[7] retention of the counters
-- Other times are in milliseconds.
-- 1 or more: granted. This call moved the counters to this value.
-- 'left rank': busy. The milliseconds that a key has left, -1 without expiry; of several, the
-- longest. The number of waiters ahead, -1 if a right to list the waiter is missing, and - if it
-- is on no list for another reason.
-- 'type': a key is not a string and therefore not a lock.
-- 'counter': a counter is corrupt or exhausted.
-- A call that is not granted leaves nothing but a waiter behind: an error does not undo a script.
local count = #KEYS / 3
local lists, waiter, hinting, hinted = 2 * count, ARGV[4], ARGV[5], false
--@include turn
local taken = not kept and count == 1 and redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
if not taken then
  --@include longest
  if kept or longest ~= -2 then
    --@include join
    return left .. ' ' .. rank
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
local stamp = math.max(counter + 1, 1, tonumber(ARGV[6]))
local retention = ARGV[7]
--@include move_counters
--@include served
return stamp
