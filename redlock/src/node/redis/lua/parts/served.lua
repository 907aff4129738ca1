-- Takes a waiter that was granted its keys off their waiting lists.
-- KEYS count keys, then others, then the waiting lists
-- Expects: count; lists, the number of keys before the waiting lists; waiter; is_next.
if waiter ~= '' then
  for n = 1, count do
    --@include list
    --@include next
    if is_next then
      redis.pcall('DEL', next)
    end
    -- The hint has taken it off the list of that key.
    if not is_next or count > 1 then
      redis.pcall('ZREM', list, waiter)
    end
  end
end
