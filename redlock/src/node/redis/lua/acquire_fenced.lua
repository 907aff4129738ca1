-- Takes the keys if none of them is there, and moves their counters to the fencing token that is
-- proposed, or beyond all of them.
-- KEYS keys, then as many counters, each a sorted set with the one member 'c'
-- ARGV[1] lease id   ARGV[2] ttl   ARGV[3] proposal   ARGV[4] how long the counters are kept
-- from 1 on: granted, and the counters were moved to this by this call.
-- below 0: another has a key, without end: -1; for so many milliseconds: less than -2 by them. Of
-- several, the one that is there longest.
-- 'type': a key holds no string, so it is no lock.  'counter': a counter is none.
-- Nothing is left behind unless all is well: a script is not undone by an error.
local count = #KEYS / 2
local taken = count == 1 and redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
if not taken then
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
    return longest == -1 and -1 or -2 - longest
  end
end
local counter = -1
for n = count + 1, #KEYS do
  local held = redis.pcall('ZSCORE', KEYS[n], 'c')
  if held then
    local number = type(held) == 'string' and tonumber(held) or -1
    if number < 0 or number >= 9007199254740000 or number ~= math.floor(number) then
      if taken then
        redis.call('DEL', KEYS[1])
      end
      return 'counter'
    end
    counter = math.max(counter, number)
  end
end
if not taken then
  for n = 1, count do
    redis.call('SET', KEYS[n], ARGV[1], 'PX', ARGV[2])
  end
end
local stamp = math.max(counter + 1, 1, tonumber(ARGV[3]))
for n = count + 1, #KEYS do
  redis.call('ZADD', KEYS[n], stamp, 'c')
  if redis.call('PTTL', KEYS[n]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[n], ARGV[4])
  end
end
return stamp
