-- Stamps keys that were just granted: moves their counters to one value that is beyond each of them.
-- Sent if the proposal that came with the grant was not beyond the counters.
-- KEYS keys, then as many counters
-- ARGV[1] lease id   ARGV[2] proposal   ARGV[3] retention of the counters in milliseconds
-- 1 or more: this call moved the counters to this value.
-- 0: a key is not ours.
-- 'counter': a counter is corrupt or exhausted.
local count = #KEYS / 2
--@include owned
--@include counters
if not counter then
  return problem
end
local stamp = math.max(counter + 1, 1, tonumber(ARGV[2]))
local retention = ARGV[3]
--@include move_counters
return stamp
