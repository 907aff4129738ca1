-- Names the key that holds the hinted waiter of a lock. It stands beside the waiting list, and
-- shares its slot.
-- KEYS[n + lists] waiting list
-- Expects: n, lists.
-- Sets: list, the name of the waiting list; next, that of the hinted waiter.
local list = KEYS[n + lists]
local next = string.gsub(list, ':wait(!?)$', ':next%1')
