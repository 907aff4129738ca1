-- Records the label of the holder of a key, for as long as the key. A key of another application in this
-- place is left alone.
-- KEYS[n] key, which holds the lease id
-- Expects: n, id, label; left, the milliseconds that the key has left.
-- Sets: is_refused, whether the user may not write labels.
-- pcall: a label decides nothing.
--@include holder
local is_refused, record = false, redis.pcall('GET', holder)
if record == named .. label then
  record = redis.pcall('PEXPIRE', holder, left)
elseif not record or type(record) == 'string' and string.find(record, 'redlock ', 1, true) == 1 then
  record = redis.pcall('SET', holder, named .. label, 'PX', left)
end
if type(record) == 'table' and record.err then
  -- The texts of different servers.
  for _, text in ipairs({'NOPERM', 'ACL failure', 'executing the script can'}) do
    is_refused = is_refused or string.find(record.err, text, 1, true) ~= nil
  end
end
