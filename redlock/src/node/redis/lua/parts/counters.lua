-- Finds the largest of the counters that the script is about to move.
-- KEYS count keys, then the counters
-- Expects: count.
-- Sets: counter, which is -1 if there is none, and false if one is corrupt or at MAX_TOKEN: the
-- largest token is valid, but nothing can be beyond it.
local counter = -1
for n = count + 1, #KEYS do
  --@include counter
  if held then
    if number < 0 or number == MAX_TOKEN then
      counter = false
      break
    end
    counter = math.max(counter, number)
  end
end
