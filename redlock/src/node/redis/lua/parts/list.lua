-- Names the waiting list of a lock.
-- KEYS[n + lists] waiting list
-- Expects: n, lists.
-- Sets: list.
local list = KEYS[n + lists]
