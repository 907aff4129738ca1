-- Returns those of the keys that are ours to the lease from which they were adopted. Their expiry stays.
-- KEYS keys   ARGV[1] lease id   ARGV[2] former lease id
-- 1: at least one key was ours.
-- 0: no key exists or is ours.
-- pcall: an error must not stop the other keys. The first one is the response.
local done, failure = 0, false
for n = 1, #KEYS do
  --@include get
  if value == ARGV[1] then
    value = redis.pcall('SET', KEYS[n], ARGV[2], 'KEEPTTL')
    failed = value.err
    if not failed then
      done = 1
      --@include marker
      redis.pcall('DEL', marker)
    end
  end
  failure = failure or failed and value
end
return failure or done
