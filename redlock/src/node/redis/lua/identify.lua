-- Reads the identity record and the clock, and changes the record if nothing has changed since it
-- was read.
-- KEYS[1] record
-- ARGV[1] the record to write, if any   ARGV[2] the record that is expected, '' for none
-- ARGV[3] the run id that is expected, '' if it is unknown
-- {seconds, microseconds, record, error}. record: nil if there is none; after a change the new one.
-- error: of reading the record, if that is not permitted. Without the right to TIME, it is 0.
-- The run id is compared here, because a restart may fall between two commands.
local time = redis.pcall('TIME')
local record = redis.pcall('GET', KEYS[1])
if time.err then
  time = {'0', '0'}
end
if type(record) == 'table' then
  if not string.find(record.err, 'WRONGTYPE', 1, true) then
    return {time[1], time[2], false, record.err}
  end
  record = 'another type'
end
if ARGV[1] and (record or '') == ARGV[2] then
  local info = redis.pcall('INFO', 'server')
  local run_id = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
  if run_id == ARGV[3] then
    local written = redis.pcall('SET', KEYS[1], ARGV[1])
    if written.err then
      -- Redis 7.0 does not name the command.
      local is_denied = string.find(written.err, 'executing the script can', 1, true)
      return is_denied and redis.error_reply('ERR set: ' .. written.err) or written
    end
    record = ARGV[1]
  end
end
return {time[1], time[2], record}
