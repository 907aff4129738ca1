-- Deletes the keys that are ours, each of which is dealt with on its own: those of several
-- releases that leave together, which costs a server a fraction of a script each, or those of one
-- release.
-- KEYS[n] key   ARGV[n] the lease id that must be under it; a single one is that of all
-- For one key, 1: deleted.  0: not there, or not ours.
-- For several, a number: all were deleted. Otherwise {1 or 0 or error, …}, the same for each; an
-- array is what takes a server longest.
-- pcall, because a key of another type is an answer here and not an error, and because no release
-- may keep the others from being carried out.
local count = #KEYS
if count == 1 then
  return redis.pcall('GET', KEYS[1]) == ARGV[1] and redis.pcall('DEL', KEYS[1]) or 0
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
    -- Something is not allowed: say for which.
    done[n] = redis.pcall('GET', KEYS[n]) == id and redis.pcall('DEL', KEYS[n]) or 0
  else
    -- Twice the same is deleted once.
    done[n] = held[n] == id and not seen[KEYS[n]] and 1 or 0
    seen[KEYS[n]] = true
  end
end
return done
