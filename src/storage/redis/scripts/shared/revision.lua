-- The step from one version of a grant to the next, for `revise` and for `end-task`. A revision is the table
--   { grant, index, deadlines, counters, pending, pendingCount, join, coolDown   (keys; the last two may be '')
--     from, head, body, coolDownUntil, coolDownTtl }

-- The row, if it is at the version that was decided on and has not ended.
local function revisable(grant, from)
  local row = redis.call('GET', grant)
  if not row then return false end
  local status, version = row:match('^(%a)(%d+) ')
  if version ~= from or (status ~= 'p' and status ~= 'a') then return false end
  return row
end

-- A run that holds nothing any more is remembered for a day, so that its version does not start anew meanwhile.
local function loosenRun(run)
  if redis.call('HLEN', run) == 1 and redis.call('HEXISTS', run, 'v') == 1 then
    redis.call('PEXPIRE', run, 86400000)
  end
end

-- Active grants are found by their index: a run, with its version, or an anchor.
local function index(key, short)
  redis.call('HSET', key, short, '')
  if key:sub(5, 5) == 'r' then
    redis.call('HINCRBY', key, 'v', 1)
    redis.call('PERSIST', key)
  end
end

local function unindex(key, short)
  redis.call('HDEL', key, short)
  if key:sub(5, 5) == 'r' then loosenRun(key) end
end

local function stopPending(r, short)
  redis.call('ZREM', r.pending, short)
  if redis.call('DECR', r.pendingCount) <= 0 then redis.call('DEL', r.pendingCount) end
  if r.join ~= '' and redis.call('GET', r.join) == short then redis.call('DEL', r.join) end
end

local function revise(r, row)
  local short = r.grant:sub(6)
  local was, is = row:sub(1, 1), r.head:sub(1, 1)
  local tasks, place, index1, index2 = row:match('^%a%d+ %d+ %d+ (%d+) (%d+) (%S+) (%S+)\n')
  redis.call('SET', r.grant, r.head .. ' ' .. tasks .. ' ' .. place .. ' ' .. index1 .. ' ' .. index2 .. '\n' .. r.body)
  redis.call('ZADD', r.deadlines, r.head:match('^%S+ (%d+)'), 'g' .. short)
  if was == 'p' and is ~= 'p' then stopPending(r, short) end
  if was ~= 'a' and is == 'a' then
    index(r.index, short)
    redis.call('HINCRBY', r.counters, 'l', 1)
  elseif was == 'a' and is ~= 'a' then
    unindex(r.index, short)
    redis.call('HINCRBY', r.counters, 'l', -1)
  end
  if r.coolDown ~= '' then redis.call('SET', r.coolDown, r.coolDownUntil, 'PX', r.coolDownTtl) end
end
