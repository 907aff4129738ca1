-- Moves the counters of keys that were just granted to their fencing token, where the proposal
-- was not beyond them.
-- KEYS keys, then as many counters, each a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] proposal   ARGV[3] how long the counters are kept
-- from 1 on: the counters were moved to this by this call.
-- 0: a key is not ours.  'counter': a counter is none.
local count = #KEYS / 2
for n = 1, count do
  if redis.pcall('GET', KEYS[n]) ~= ARGV[1] then
    return 0
  end
end
local counter = 0
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
local stamp = math.max(counter + 1, tonumber(ARGV[2]))
for n = count + 1, #KEYS do
  redis.call('ZADD', KEYS[n], stamp, 'c')
  if redis.call('PTTL', KEYS[n]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[3])
  end
end
return stamp
