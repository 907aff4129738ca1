-- Ends the script with 0 unless every key holds the lease id. Ends it with -1 if the others hold the
-- id of an adopter that has not decided yet.
-- KEYS count keys, then others   ARGV[1] lease id
-- Expects: count.
-- pcall: without the right to its marker, an adoption counts as decided.
local is_contested = false
for n = 1, count do
  --@include get
  if value ~= ARGV[1] then
    if type(value) ~= 'string' then
      return failed and value or 0
    end
    --@include marker
    if redis.pcall('GET', marker) ~= ARGV[1] .. ' ' .. value then
      return 0
    end
    is_contested = true
  end
end
if is_contested then
  return -1
end
