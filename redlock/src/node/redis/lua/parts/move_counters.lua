-- Moves the counters, and keeps each for at least the retention.
-- KEYS count keys, then the counters
-- Expects: count; stamp, the new value; retention in milliseconds, as text.
for n = count + 1, #KEYS do
  redis.call('ZADD', KEYS[n], stamp, MEMBER)
  if redis.call('PTTL', KEYS[n]) < tonumber(retention) then
    redis.call('PEXPIRE', KEYS[n], retention)
  end
end
