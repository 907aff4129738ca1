-- Finds the largest of the counters that the script is about to move.
-- KEYS count keys, then as many counters
-- Expects: count.
-- Sets: counter, which is -1 if there is none, and false if one is corrupt or exhausted. A counter
-- at MAX_TOKEN is exhausted: it is valid, but no token can be beyond it.
-- Sets: problem, the response of the script if counter is false.
local counter, problem = -1, 'counter'
for n = count + 1, 2 * count do
  --@include counter
  if score then
    if number < 0 or number == MAX_TOKEN then
      counter = false
      problem = failed and score or problem
      break
    end
    counter = math.max(counter, number)
  end
end
