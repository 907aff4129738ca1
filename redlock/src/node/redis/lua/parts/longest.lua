-- Finds the key that another holds for the longest time. Changes nothing.
-- KEYS count keys, then others   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- Expects: count.
-- Sets: longest, the milliseconds that this key has left; -1 without expiry, -2 if no key exists.
-- Ends the script with 'type' if a key is not a string and therefore not a lock.
local longest = -2
for n = 1, count do
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
  end
end
