-- Moves the counters of keys that are ours to a fencing token if all counters are below it.
-- KEYS keys, then as many counters
-- ARGV[1] lease id   ARGV[2] token   ARGV[3] retention of the counters in milliseconds
-- 1: this call moved the counters to the token.
-- 0: a key is not ours.
-- {counter}: the largest counter, which is at the token or beyond.
-- 'counter': a counter is corrupt or exhausted.
-- A counter at the token is not a success: another acquisition may have moved it there.
local count = #KEYS / 2
--@include owned
--@include counters
if not counter then
  return problem
end
local stamp = ARGV[2]
if counter >= tonumber(stamp) then
  return {counter}
end
local retention = ARGV[3]
--@include move_counters
return 1
