-- Finds the key that another holds for the longest time. Changes nothing.
-- KEYS count keys, then others   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- Expects: count; kept, the number of a key that is kept for another waiter, or nil. A single such key
-- is not read: it is hardly ever held.
-- Sets: longest, the milliseconds that this key has left; -1 without expiry, -2 if no key exists.
-- Sets: held, the number of the first key that exists, nil if none does.
-- Ends the script with 'type' if a key is not a string and therefore not a lock.
local longest, held = -2, nil
for n = 1, kept and count == 1 and 0 or count do
  local left = redis.call('PTTL', KEYS[n])
  if left ~= -2 then
    -- Changes nothing, because the key exists, but raises an error on a server that must not write.
    -- The vote of such a server is worthless. The caller has already tried a single key.
    if count > 1 then
      redis.call('SET', KEYS[n], ARGV[1], 'NX', 'PX', ARGV[2])
    end
    if redis.call('TYPE', KEYS[n]).ok ~= 'string' then
      return 'type'
    end
    longest = (left == -1 or longest == -1) and -1 or math.max(left, longest)
    held = held or n
  end
end
