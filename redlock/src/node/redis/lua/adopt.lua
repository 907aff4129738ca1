-- Changes the lease id of keys and leaves their expiry, if all of them hold the former id. Moves their
-- counters as an acquire does.
-- KEYS keys, then as many counters if ARGV[4] is given
-- ARGV[1] former lease id   ARGV[2] lease id
-- ARGV[3] milliseconds within which the adopter decides
-- ARGV[4] proposal   ARGV[5] retention of the counters in milliseconds
-- OK: changed, without counters.
-- 1 or more: changed. This call moved the counters to this value.
-- 0: a key does not exist or holds another value.
-- -1: another adopter of the lease has not decided yet.
-- 'counter': a counter is corrupt or exhausted.
-- Everything is checked before anything is written: an error does not undo a script.
local count = ARGV[4] and #KEYS / 2 or #KEYS
--@include held
local stamp
if ARGV[4] then
  --@include counters
  if not counter then
    return problem
  end
  stamp = math.max(counter + 1, 1, tonumber(ARGV[4]))
end
for n = 1, count do
  redis.call('SET', KEYS[n], ARGV[2], 'KEEPTTL')
  if tonumber(ARGV[3]) > 0 then
    --@include marker
    redis.pcall('SET', marker, ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
  end
end
if not stamp then
  return redis.status_reply('OK')
end
local retention = ARGV[5]
--@include move_counters
return stamp
