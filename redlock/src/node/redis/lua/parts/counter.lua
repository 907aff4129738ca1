-- Reads one counter: a sorted set whose one member has the counter as its score.
-- KEYS[n] counter
-- Expects: n.
-- Sets: score, the response of the server, which is false if there is no counter.
-- Sets: number, which is -1 if there is no counter or if it is corrupt: not a whole number from 0
-- to MAX_TOKEN.
-- Sets: failed, whether score is an error that says more than that the key is of another type. Such
-- a key is a corrupt counter. Every other error, such as a missing right, says nothing about it.
local score = redis.pcall('ZSCORE', KEYS[n], MEMBER)
local failed = type(score) == 'table' and not string.find(score.err, 'WRONGTYPE', 1, true)
local number = type(score) == 'string' and tonumber(score) or -1
if number < 0 or number > MAX_TOKEN or number ~= math.floor(number) then
  number = -1
end
