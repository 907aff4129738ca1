-- Deletes those of the keys that are ours, and hints the first waiter of each key that is free then.
-- KEYS keys, then as many waiting lists
-- ARGV[1] hinting: '', 'count' or 'blind'   ARGV[2] waiter, the contender of a lost round, or empty
-- ARGV[3] microseconds for which that contender has waited
-- ARGV[3 + n] lease id that the nth key must hold; a single one applies to all keys
-- The keys belong to one release, or to several that share a call. A shared call costs the server a
-- fraction of a script for each release.
-- For one key, 1: deleted.  0: the key does not exist or is not ours.  -1 and -2: likewise, and a
-- waiter was hinted.
-- For several keys, their number: all were deleted, and no waiter was hinted. Otherwise {1 or 0 or -1 or -2
-- or error, …}, one for each key.
-- An array is the most expensive part for a server, so it is only sent if it is needed.
-- pcall: an error must not stop the other releases.
local count = #KEYS / 2
local lists, hinting, waiter, hinted, rank = count, ARGV[1], ARGV[2], false, -1
if count == 1 then
  local n = 1
  --@include get
  local is_others = failed or value and value ~= ARGV[4]
  local deleted = not is_others and value and redis.pcall('DEL', KEYS[1]) or 0
  --@include list
  if hinting ~= '' and not is_others and type(deleted) == 'number' then
    --@include hint
  end
  if waiter ~= '' then
    -- Behind the hint: contenders that split the votes would hint themselves, and split them again.
    --@include relist
  end
  if failed then
    return value
  end
  return hinted and (deleted == 1 and -1 or -2) or deleted
end
local held, refused = redis.pcall('MGET', unpack(KEYS, 1, count)), {}
if held.err then
  -- The command or one of the keys was refused: read them one by one.
  held = {}
  for n = 1, count do
    --@include get
    held[n], refused[n] = value, failed and value
  end
end
local ours, owned = {}, 0
for n = 1, count do
  if held[n] == (ARGV[3 + n] or ARGV[4]) then
    owned = owned + 1
    ours[owned] = KEYS[n]
  end
end
local deleted = owned > 0 and redis.pcall('DEL', unpack(ours)) or 0
local hints, is_any_hinted = {}, false
if hinting ~= '' and type(deleted) == 'number' then
  local waited_for = redis.pcall('EXISTS', unpack(KEYS, lists + 1))
  if type(waited_for) == 'number' and waited_for > 0 then
    for n = 1, count do
      if not held[n] or held[n] == (ARGV[3 + n] or ARGV[4]) then
        --@include list
        hinted = false
        --@include hint
        hints[n] = hinted
        is_any_hinted = is_any_hinted or hinted
      end
    end
  end
end
if waiter ~= '' then
  local n = 1
  --@include list
  --@include relist
end
if deleted == count and not is_any_hinted then
  return count
end
local done, seen = {}, {}
for n = 1, count do
  local id = ARGV[3 + n] or ARGV[4]
  if refused[n] then
    done[n] = refused[n]
  elseif type(deleted) ~= 'number' then
    -- A command was refused: find out for which keys, one by one.
    --@include get
    done[n] = failed and value or value == id and redis.pcall('DEL', KEYS[n]) or 0
  else
    -- Of a key that is listed twice, the first is deleted and the second does not exist.
    done[n] = held[n] == id and not seen[KEYS[n]] and 1 or 0
    done[n] = hints[n] and (done[n] == 1 and -1 or -2) or done[n]
    seen[KEYS[n]] = true
  end
end
return done
