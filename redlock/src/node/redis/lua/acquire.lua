-- Takes the keys if none of them exists or is kept for another waiter.
-- KEYS keys, then as many waiting lists
-- ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- ARGV[3] microseconds for which the waiter has waited
-- ARGV[4] waiter, empty if none is to be listed   ARGV[5] hinting: '', 'count' or 'blind';
-- 'none' if there are no waiting lists: their names are then those of the keys
-- OK: granted.
-- 'left rank': busy. The milliseconds that a key has left, -1 without expiry; of several, the
-- longest. The number of waiters ahead, -1 if a right to list the waiter is missing, and - if it
-- is on no list for another reason.
-- 'type': a key is not a string and therefore not a lock.
-- Everything is read and checked before anything is written: an error does not undo a script.
local count = #KEYS / 2
local lists, waiter, hinting, hinted = count, ARGV[4], ARGV[5], false
--@include turn
if kept or count > 1 or not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  --@include longest
  if kept or longest ~= -2 then
    --@include join
    return left .. ' ' .. rank
  end
  for n = 1, count do
    redis.call('SET', KEYS[n], ARGV[1], 'PX', ARGV[2])
  end
end
--@include served
return redis.status_reply('OK')
