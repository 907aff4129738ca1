-- Moves the counters of keys that are ours to a fencing token, if all are below.
-- KEYS keys, then as many counters, each a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] token   ARGV[3] how long the counters are kept
-- 1: the counters were moved to the token by this call.
-- {counter}: the largest is at the token already, or beyond.  0: a key is not ours.
-- 'counter': a counter is none.
-- Below, and not at: a token that is there already may be another's.
local count = #KEYS / 2
for n = 1, count do
  if redis.pcall('GET', KEYS[n]) ~= ARGV[1] then
    return 0
  end
end
local counter = -1
for n = count + 1, #KEYS do
  local held = redis.pcall('ZSCORE', KEYS[n], 'c')
  if held then
    local number = type(held) == 'string' and tonumber(held) or -1
    if number < 0 or number >= 9007199254740000 or number ~= math.floor(number) then
      return 'counter'
    end
    counter = math.max(counter, number)
  end
end
if counter >= tonumber(ARGV[2]) then
  return {counter}
end
for n = count + 1, #KEYS do
  redis.call('ZADD', KEYS[n], ARGV[2], 'c')
  if redis.call('PTTL', KEYS[n]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[3])
  end
end
return 1
