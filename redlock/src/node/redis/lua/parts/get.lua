-- Reads one key.
-- KEYS[n] key
-- Expects: n.
-- Sets: value, which is false if the key does not exist, and an error if it could not be read.
-- Sets: failed, whether that error says more than that the key is of another type. A key of another
-- type is not ours. Every other error, such as a missing right, says nothing about the key.
local value = redis.pcall('GET', KEYS[n])
local failed = type(value) == 'table' and not string.find(value.err, 'WRONGTYPE', 1, true)
