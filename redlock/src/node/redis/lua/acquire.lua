-- Takes the keys if none of them exists.
-- KEYS keys   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- OK: granted.
-- integer: busy. The milliseconds that a key has left, -1 without expiry; of several, the longest.
-- 'type': a key is not a string and therefore not a lock.
-- Everything is read and checked before anything is written: an error does not undo a script.
local count = #KEYS
if count > 1 or not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  --@include longest
  if longest ~= -2 then
    return longest
  end
  for n = 1, count do
    redis.call('SET', KEYS[n], ARGV[1], 'PX', ARGV[2])
  end
end
return redis.status_reply('OK')
