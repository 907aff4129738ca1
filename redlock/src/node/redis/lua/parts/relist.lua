-- Adds the contender of a lost round to a waiting list. A waiter for which the key is kept is on no
-- list.
-- KEYS none of its own: the list is named by list
-- Expects: list, waiter.
-- Sets: rank, as enlist does.
--@include next
if redis.pcall('GET', next) ~= waiter then
  --@include enlist
end
