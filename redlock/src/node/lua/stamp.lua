-- Moves the counter of a key that was just granted to its fencing token, where the proposal was
-- not beyond the counter.
-- KEYS[1] key    KEYS[2] counter, a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] proposal   ARGV[3] how long the counter is kept
-- {stamp}: the counter was moved to this by this call.
-- 0: the key is not ours.  'counter': the counter is none.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local held = redis.pcall('ZSCORE', KEYS[2], 'c')
local counter = 0
if held then
  counter = type(held) == 'string' and tonumber(held) or -1
  if counter < 0 or counter >= 9007199254740000 or counter ~= math.floor(counter) then
    return 'counter'
  end
end
local stamp = math.max(counter + 1, tonumber(ARGV[2]))
redis.call('ZADD', KEYS[2], stamp, 'c')
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return {stamp}
