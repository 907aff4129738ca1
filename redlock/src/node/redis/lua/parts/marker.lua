-- Names the key that shows that an adoption of a lease is undecided. It holds both lease ids, the former
-- one first, and expires by itself. It stands beside the lock, and shares its slot.
-- KEYS[n] key
-- Expects: n.
-- Sets: marker.
local is_tagged = string.find(KEYS[n], '^[^{]*{[^}]+}')
local marker = is_tagged and KEYS[n] .. ':adopted!' or '{' .. KEYS[n] .. '}:adopted'
