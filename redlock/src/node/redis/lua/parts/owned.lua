-- Ends the script with 0 unless every key holds the lease id.
-- KEYS count keys, then others   ARGV[1] lease id
-- Expects: count.
for n = 1, count do
  --@include get
  if value ~= ARGV[1] then
    return failed and value or 0
  end
end
