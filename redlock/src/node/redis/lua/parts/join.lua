-- Adds the waiter to the list of the first key that is in its way, and takes it off those of its
-- other keys.
-- KEYS count keys, then others, then the waiting lists
-- ARGV[3] microseconds for which the waiter has waited
-- Expects: count; lists, the number of keys before the waiting lists; waiter; the outcomes of turn
-- and longest; hinting, hinted.
-- Sets: left, the milliseconds until the keys may be free; rank, the number of waiters ahead, -1 if
-- the server refused to list the waiter, and - if it is on no list for another reason.
local left, rank = longest, '-'
if kept and longest ~= -1 and longest < RESERVATION then
  left = RESERVATION
end
if waiter ~= '' then
  local blocked = math.min(kept or count, held or count)
  for n = 1, count do
    --@include list
    --@include next
    if n == blocked then
      --@include enlist
      if is_next and n ~= kept then
        -- The key is taken, so it need not be kept for this waiter.
        redis.pcall('DEL', next)
      end
    else
      redis.pcall('ZREM', list, waiter)
      --@include pass_on
    end
  end
end
