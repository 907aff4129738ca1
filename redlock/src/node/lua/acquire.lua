-- Takes the key if it is not there.
-- KEYS[1] key   ARGV[1] lease id   ARGV[2] ttl in milliseconds
-- OK: granted.  integer: another has it for so many milliseconds, -1 without end.
-- 'type': the key holds no string, so it is no lock.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return redis.status_reply('OK')
end
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
  return 'type'
end
return redis.call('PTTL', KEYS[1])
