-- Where active grants are found. A run is its version, '.' or '!' (it has ended), and the short ids of the grants sealed to
-- it; an anchor is the short ids of its standing windows.
local DAY_MS = 86400000

-- version, whether it has ended, short ids
local function readRun(row)
  if not row then return 0, false, '' end
  local version, mark, ids = row:match('^(%d+)(.)(.*)$')
  return tonumber(version), mark == '!', ids
end

-- An ended run is kept for ever; one that holds nothing for a day, so that its version does not start anew meanwhile.
local function writeRun(key, version, ended, ids)
  local row = string.format('%d', version) .. (ended and '!' or '.') .. ids
  if ids == '' and not ended then
    redis.call('SET', key, row, 'PX', DAY_MS)
  else
    redis.call('SET', key, row)
  end
end

local function without(ids, id)
  for at = 1, #ids, 22 do
    if ids:sub(at, at + 21) == id then return ids:sub(1, at - 1) .. ids:sub(at + 22) end
  end
  return ids
end

-- Both are for the key of a run, whose fifth letter is r, or of an anchor.
local function enterIndex(key, id)
  local row = redis.call('GET', key)
  if key:sub(5, 5) == 'r' then
    local version, ended, ids = readRun(row)
    writeRun(key, version + 1, ended, ids .. id)
  else
    redis.call('SET', key, (row or '') .. id)
  end
end

local function leaveIndex(key, id)
  local row = redis.call('GET', key)
  if not row then return end
  if key:sub(5, 5) == 'r' then
    local version, ended, ids = readRun(row)
    writeRun(key, version, ended, without(ids, id))
    return
  end
  local rest = without(row, id)
  if rest == '' then redis.call('DEL', key) else redis.call('SET', key, rest) end
end
