-- Takes the keys if none of them is there.
-- KEYS keys   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- OK: granted.  integer: another has a key for so many milliseconds, -1 without end; of several,
-- the one that is there longest.
-- 'type': a key holds no string, so it is no lock.
-- Everything is read and checked before anything is written: a script is not undone by an error.
local count = #KEYS
if count > 1 or not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local longest = -2
  for n = 1, count do
    local left = redis.call('PTTL', KEYS[n])
    if left ~= -2 then
      -- Changes nothing, and is refused by a server that may not write: its word is no answer.
      if count > 1 then
        redis.call('SET', KEYS[n], ARGV[1], 'NX', 'PX', ARGV[2])
      end
      if redis.call('TYPE', KEYS[n]).ok ~= 'string' then
        return 'type'
      end
      longest = (left == -1 or longest == -1) and -1 or math.max(left, longest)
    end
  end
  if longest ~= -2 then
    return longest
  end
  for n = 1, count do
    redis.call('SET', KEYS[n], ARGV[1], 'PX', ARGV[2])
  end
end
return redis.status_reply('OK')
