-- Deletes those of the keys that are ours.
-- KEYS[n] key   ARGV[n] lease id that the key must hold; a single one applies to all keys
-- The keys belong to one release, or to several that share a call. A shared call costs the server a
-- fraction of a script for each release.
-- For one key, 1: deleted.  0: the key does not exist or is not ours.
-- For several keys, a number: all were deleted. Otherwise {1 or 0 or error, …}, one for each key.
-- An array is the most expensive part for a server, so it is only sent if not all were deleted.
-- pcall: an error must not stop the other releases.
local count = #KEYS
if count == 1 then
  local n = 1
  --@include get
  return failed and value or value == ARGV[1] and redis.pcall('DEL', KEYS[1]) or 0
end
local held = redis.pcall('MGET', unpack(KEYS))
local ours, owned = {}, 0
for n = 1, count do
  if held[n] == (ARGV[n] or ARGV[1]) then
    owned = owned + 1
    ours[owned] = KEYS[n]
  end
end
local deleted = owned > 0 and redis.pcall('DEL', unpack(ours)) or 0
if deleted == count then
  return count
end
local done, seen = {}, {}
for n = 1, count do
  local id = ARGV[n] or ARGV[1]
  if held.err or type(deleted) ~= 'number' then
    -- A command was refused: find out for which keys, one by one.
    --@include get
    done[n] = failed and value or value == id and redis.pcall('DEL', KEYS[n]) or 0
  else
    -- Of a key that is listed twice, the first is deleted and the second does not exist.
    done[n] = held[n] == id and not seen[KEYS[n]] and 1 or 0
    seen[KEYS[n]] = true
  end
end
return done
