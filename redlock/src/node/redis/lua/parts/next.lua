-- Names the key that holds the hinted waiter of a lock. It stands beside the waiting list, and
-- shares its slot.
-- KEYS none of its own
-- Expects: list.
-- Sets: next.
local next = string.gsub(list, ':wait(!?)$', ':next%1')
