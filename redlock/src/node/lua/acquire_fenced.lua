-- Takes the key if it is not there, and moves its counter to the fencing token it proposes.
-- KEYS[1] key    KEYS[2] counter, a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] ttl   ARGV[3] proposal   ARGV[4] how long the counter is kept
-- integer: granted, and the counter was moved to this by this call.
-- {milliseconds left, counter}: another has it; -1 is without end, and no counter.
-- 'type': the key holds no string, so it is no lock.  'counter': the counter is none.
-- Everything is read and checked before anything is written: a script is not undone by an error.
local held = redis.pcall('ZSCORE', KEYS[2], 'c')
local counter = 0
if held then
  counter = type(held) == 'string' and tonumber(held) or -1
  if counter < 0 or counter >= 9007199254740000 or counter ~= math.floor(counter) then
    return 'counter'
  end
end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
    return 'type'
  end
  return {redis.call('PTTL', KEYS[1]), held and counter or -1}
end
local stamp = math.max(counter + 1, tonumber(ARGV[3]))
redis.call('ZADD', KEYS[2], stamp, 'c')
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return stamp
