-- Reads one counter: a sorted set whose one member has the counter as its score.
-- KEYS[n] counter
-- Expects: n.
-- Sets: score, the response of the server, which is false if there is no counter.
-- Sets: number, which is -1 if there is no counter or if it is corrupt: not a whole number from 0
-- to MAX_TOKEN.
-- pcall: a key of another type is a corrupt counter, which the caller reports.
local score = redis.pcall('ZSCORE', KEYS[n], MEMBER)
local number = type(score) == 'string' and tonumber(score) or -1
if number < 0 or number > MAX_TOKEN or number ~= math.floor(number) then
  number = -1
end
