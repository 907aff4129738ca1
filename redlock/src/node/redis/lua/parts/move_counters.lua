-- Moves the counters, and keeps each for at least the retention. An eighth more is set, so that it
-- is rarely set.
-- KEYS count keys, then as many counters
-- Expects: count; stamp, the new value; retention in milliseconds, as text.
for n = count + 1, 2 * count do
  redis.call('ZADD', KEYS[n], stamp, MEMBER)
  if redis.call('PTTL', KEYS[n]) < tonumber(retention) then
    redis.call('PEXPIRE', KEYS[n], math.floor(retention * 1.125))
  end
end
