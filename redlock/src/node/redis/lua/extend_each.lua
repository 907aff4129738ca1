-- Postpones the expiry of keys that are ours: one key of each of several leases. Never brings it
-- forward, never creates a key.
-- KEYS keys, then as many counters if ARGV[1] is not empty
-- ARGV[1] retention of the counters in milliseconds, or ''
-- ARGV[2n] lease id for key n   ARGV[2n + 1] ttl in milliseconds for key n
-- Behind these: the label of the holder of all keys, if it has one.
-- One value for each key, not in an array if there is only one:
-- 1: the key is ours and has at least the ttl left.
-- 2: likewise, but the user may not write the label.
-- 0: the key does not exist or is not ours.
-- -1: the key is that of an adopter that has not decided yet.
-- An error ends the script. It can be called again for each key alone: what was extended stays so.
local retention = ARGV[1] ~= '' and tonumber(ARGV[1])
local count = retention and #KEYS / 2 or #KEYS
local label = #ARGV > 2 * count + 1 and ARGV[#ARGV]
local held = count > 1 and redis.pcall('MGET', unpack(KEYS, 1, count)) or {err = ''}
if held.err then
  -- The command or one of the keys was refused: read them one by one.
  held = {}
  for n = 1, count do
    --@include get
    if failed then
      return value
    end
    held[n] = value
  end
end
local done, has_written, ours = {}, false, nil
for n = 1, count do
  local id, ttl, value = ARGV[2 * n], ARGV[2 * n + 1], held[n]
  done[n] = 0
  if value == id then
    local left = redis.call('PTTL', KEYS[n])
    if left >= 0 and left < tonumber(ttl) then
      redis.call('PEXPIRE', KEYS[n], ttl)
      has_written = true
      left = ttl
    end
    done[n], ours = 1, n
    if label then
      --@include label
      done[n] = is_refused and 2 or 1
    end
    if retention then
      -- -2: there is no counter.  -1: it has no expiry, but should have one.
      left = redis.call('PTTL', KEYS[count + n])
      if left ~= -2 and left < retention then
        redis.call('PEXPIRE', KEYS[count + n], ARGV[1])
      end
    end
  elseif type(value) == 'string' then
    -- pcall: without the right to its marker, an adoption counts as decided.
    --@include marker
    done[n] = redis.pcall('GET', marker) == id .. ' ' .. value and -1 or 0
  end
end
if ours and not has_written then
  -- Changes nothing, but fails on a server that must not write: a replica must not confirm.
  local left = redis.call('PTTL', KEYS[ours])
  if left >= 0 then
    redis.call('PEXPIRE', KEYS[ours], left)
  end
end
return count == 1 and done[1] or done
