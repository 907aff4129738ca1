-- Stops keeping a key for a waiter, and hints the next one.
-- KEYS[n] key
-- Expects: n, list, next, waiter, hinting.
if redis.pcall('GET', next) == waiter then
  redis.pcall('DEL', next)
  if redis.pcall('EXISTS', KEYS[n]) == 0 then
    --@include hint
  end
end
