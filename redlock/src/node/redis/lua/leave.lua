-- Takes a waiter off the waiting lists of its keys. A key that is kept for it goes to the next waiter.
-- KEYS keys, then as many waiting lists
-- ARGV[1] hinting: '', 'count' or 'blind'   ARGV[2] waiter
-- 1: another waiter was hinted.  0: none was.
-- pcall: without a right, there are no waiting lists.
local count = #KEYS / 2
local lists, hinting, waiter, hinted = count, ARGV[1], ARGV[2], false
local is_any_hinted = false
for n = 1, count do
  --@include list
  --@include next
  redis.pcall('ZREM', list, waiter)
  --@include pass_on
  is_any_hinted = is_any_hinted or hinted
end
return is_any_hinted and 1 or 0
