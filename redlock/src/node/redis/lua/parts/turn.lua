-- Finds the first key that is kept for another waiter.
-- KEYS count keys, then others, then the waiting lists
-- Expects: count; lists, the number of keys before the waiting lists; waiter; hinting, 'none' without
-- waiting lists.
-- Sets: kept, the number of that key, nil if there is none; is_next, whether a key is kept for the
-- waiter.
-- A key is kept for RESERVATION at most. An entry that stays for longer belongs to another application,
-- or the clock of the server was set back. It must not block the lock.
-- pcall: without the right to these keys, there are no waiting lists.
local kept, is_next = nil, false
for n = 1, hinting == 'none' and 0 or count do
  --@include list
  --@include next
  local hinted = redis.pcall('GET', next)
  if hinted == waiter then
    is_next = true
  elseif type(hinted) == 'string' then
    local left = redis.pcall('PTTL', next)
    if type(left) == 'number' and left >= 0 and left <= RESERVATION then
      kept = n
      break
    end
  end
end
