-- Hints the first waiter of a list, and keeps the key for it for some milliseconds. Waiters that are
-- gone are skipped: their channel has no subscriber. A key that is already kept stays so. An entry of
-- another application in place of the hinted waiter is left alone.
-- KEYS[n] key, which is free
-- Expects: n, list; hinting, '' without the right to publish, 'count' with the right to count
-- the subscribers, and 'blind' without it.
-- Sets: hinted, whether a waiter was hinted, or more of those that are gone may be left.
-- pcall: without a right, waiters poll.
for skipped = 0, MAX_SKIPPED - 1 do
  local popped = redis.pcall('ZPOPMIN', list)
  local first = popped[1]
  hinted = first ~= nil
  if not hinted then
    break
  end
  --@include next
  local left = skipped == 0 and redis.pcall('PTTL', next)
  if type(left) == 'number' and left >= 0 and left <= RESERVATION then
    -- A release of a lost round, most likely. The waiter that was hinted before comes first.
    redis.pcall('ZADD', list, popped[2], first)
    redis.pcall('PEXPIRE', list, LIST_TTL)
    hinted = false
    break
  end
  local channel = CHANNEL .. first
  -- PUBLISH counts subscribers of patterns too, but these may be anyone.
  local alive = hinting ~= 'count' or redis.pcall('PUBSUB', 'NUMSUB', channel)[2] ~= 0
  local reached = alive and redis.pcall('PUBLISH', channel, KEYS[n])
  if type(reached) == 'number' and reached > 0 then
    redis.pcall('SET', next, first, 'NX', 'PX', RESERVATION)
    break
  end
end
