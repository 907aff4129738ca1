-- Deletes the keys that are ours, each of which is dealt with on its own: those of several
-- releases that leave together, which costs a server a fraction of a script each, or those of one
-- release.
-- KEYS[n] key   ARGV[n] the lease id that must be under it; a single one is that of all
-- For one key: 1 or 0: deleted; not there, or not ours.
-- For several: '10…', the same for each; or, if there was an error, {1 or 0 or error, …}. A string
-- where it will do: an array takes a server longer than all the rest.
-- pcall, because a key of another type is an answer here and not an error, and because no release
-- may keep the others from being carried out.
local count = #KEYS
if count == 1 then
  return redis.pcall('GET', KEYS[1]) == ARGV[1] and redis.pcall('DEL', KEYS[1]) or 0
end
local done, ours, owned = {}, {}, 0
-- Two calls for any number of keys. A key of another type holds nothing, as far as this tells.
local held = redis.pcall('MGET', unpack(KEYS))
if not held.err then
  for n = 1, count do
    if held[n] == (ARGV[n] or ARGV[1]) then
      done[n] = 1
      owned = owned + 1
      ours[owned] = KEYS[n]
    else
      done[n] = 0
    end
  end
  if owned == 0 or type(redis.pcall('DEL', unpack(ours))) == 'number' then
    return table.concat(done)
  end
end
-- One of them is not allowed, or nothing is: say which.
for n = 1, count do
  done[n] = 0
  if redis.pcall('GET', KEYS[n]) == (ARGV[n] or ARGV[1]) then
    done[n] = redis.pcall('DEL', KEYS[n])
  end
end
return done
