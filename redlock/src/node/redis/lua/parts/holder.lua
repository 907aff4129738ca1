-- Names the key that holds the label of a lock's holder, and begins its value: a mark, and the lease id
-- with its length, so that the label behind it cannot be mistaken for a part of the id. The key stands
-- beside the lock, and shares its slot.
-- KEYS[n] key
-- Expects: n, id.
-- Sets: holder, named.
local is_tagged = string.find(KEYS[n], '^[^{]*{[^}]+}')
local holder = is_tagged and KEYS[n] .. ':holder!' or '{' .. KEYS[n] .. '}:holder'
local named = 'redlock ' .. #id .. ' ' .. id .. ' '
