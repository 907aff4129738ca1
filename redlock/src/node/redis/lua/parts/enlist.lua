-- Adds a waiter to a waiting list, at the place of the moment at which it began to wait. The clock is
-- that of the server, so the clocks of the clients do not matter.
-- KEYS none of its own: the list is named by list
-- ARGV[3] microseconds for which the waiter has waited
-- Expects: list, waiter.
-- Sets: rank, the number of waiters ahead, -1 if a right is missing, and - if there is no list.
-- pcall: without a right, waiters poll.
local time = redis.pcall('TIME')
local began = not time.err and time[1] * 1000000 + time[2] - ARGV[3]
local added = began and redis.pcall('ZADD', list, began, waiter)
if type(added) == 'table' and string.find(added.err, 'WRONGTYPE', 1, true) then
  -- A key of another application stands there. Other locks are not affected.
  rank = '-'
else
  rank = type(added) == 'number' and tonumber(redis.pcall('ZRANK', list, waiter)) or -1
end
if rank == 0 then
  -- The first waiter keeps the list for all: each of its polls does.
  redis.pcall('PEXPIRE', list, LIST_TTL)
end
