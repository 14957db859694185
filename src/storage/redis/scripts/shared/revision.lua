-- The step from one version of a grant to the next, for `revise` and for `end-task`. A revision is the table
--   { grant, index, deadlines, counters, pending, pendingCount, join, coolDown   (keys; the last two may be '')
--     from, head, body, coolDownUntil, coolDownTtl }

-- Whether the row is at the version that was decided on and has not ended.
local function revisable(row, from)
  if not row then return false end
  local status, version = row:match('^(%a)(%d+) ')
  return version == from and (status == 'p' or status == 'a')
end

-- Whether a head says that the grant has ended.
local function isEnd(head)
  return not head:find('^[pa]')
end

local function stopPending(r, short)
  redis.call('ZREM', r.pending, short)
  if redis.call('DECR', r.pendingCount) <= 0 then redis.call('DEL', r.pendingCount) end
  if r.join ~= '' and redis.call('GET', r.join) == short then redis.call('DEL', r.join) end
end

local function revise(r, row)
  local short = r.grant:sub(6)
  local was, is = row:sub(1, 1), r.head:sub(1, 1)
  local kept = row:match('^%a%d+ %d+ %d+ (%d+ %d+ %S+ %S+)\n')
  redis.call('SET', r.grant, r.head .. ' ' .. kept .. '\n' .. r.body)
  redis.call('ZADD', r.deadlines, r.head:match('^%S+ (%d+)'), 'g' .. short)
  if was == 'p' and is ~= 'p' then stopPending(r, short) end
  if was ~= 'a' and is == 'a' then
    enterIndex(r.index, short)
    redis.call('HINCRBY', r.counters, 'l', 1)
  elseif was == 'a' and is ~= 'a' then
    leaveIndex(r.index, short)
    redis.call('HINCRBY', r.counters, 'l', -1)
  end
  if r.coolDown ~= '' then redis.call('SET', r.coolDown, r.coolDownUntil, 'PX', r.coolDownTtl) end
end
