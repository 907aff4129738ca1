-- Ends the script with 0 unless every key holds the lease id.
-- KEYS count keys, then others   ARGV[1] lease id
-- Expects: count.
-- pcall: a key of another type is not ours; it is not an error.
for n = 1, count do
  if redis.pcall('GET', KEYS[n]) ~= ARGV[1] then
    return 0
  end
end
