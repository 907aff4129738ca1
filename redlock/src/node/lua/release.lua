-- Deletes the keys that are ours, each of which is dealt with on its own: those of several
-- releases that leave together, which costs a server little more than half of a script each, or
-- those of one release.
-- KEYS[n] key   ARGV[n] the lease id that must be under it; a single one is that of all
-- {1 or 0, …}: deleted; not there, or not ours.
-- pcall, because a key of another type is an answer here and not an error, and because no release
-- may keep the others from being carried out.
local done = {}
for n = 1, #KEYS do
  done[n] = 0
  if redis.pcall('GET', KEYS[n]) == (ARGV[n] or ARGV[1]) then
    done[n] = redis.pcall('DEL', KEYS[n])
  end
end
return done
