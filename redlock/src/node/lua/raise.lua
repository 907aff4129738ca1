-- Moves the counter of a key that is ours to a fencing token, if it is below.
-- KEYS[1] key    KEYS[2] counter, a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] token   ARGV[3] how long the counter is kept
-- 1: the counter was moved to the token by this call.
-- {counter}: it is at the token already, or beyond.  0: the key is not ours.
-- 'counter': the counter is none.
-- Below, and not at: a token that is there already may be another's.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local held = redis.pcall('ZSCORE', KEYS[2], 'c')
if held then
  local counter = type(held) == 'string' and tonumber(held) or -1
  if counter < 0 or counter >= 9007199254740000 or counter ~= math.floor(counter) then
    return 'counter'
  end
  if counter >= tonumber(ARGV[2]) then
    return {counter}
  end
end
redis.call('ZADD', KEYS[2], ARGV[2], 'c')
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return 1
