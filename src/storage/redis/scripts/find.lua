--[[ find: everything that bears on an exchange by one run, in one look.
     KEYS  1 run  2 standing windows of the anchor  3 errand
     The keys of grants and tasks are made here from the ids that the three hold: same hash tag, so the same slot.
     Returns  { ended (1 or 0), version, { grant, row, ... } (active ones), { grant, task, state letter, ... } ]]
--@include index
local rows = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
if not rows[1] and not rows[2] and not rows[3] then return { 0, 0, {}, {} } end
local tag = KEYS[1]:sub(1, 4)
local version, ended, sealed = readRun(rows[1])

local grants = {}
local ids = sealed .. (rows[2] or '')
-- In pieces: a script hands no more than some thousand values to a command.
for first = 1, #ids, 22 * 500 do
  local keys = {}
  for at = first, math.min(first + 22 * 500, #ids) - 1, 22 do keys[#keys + 1] = tag .. 'g' .. ids:sub(at, at + 21) end
  for at, row in ipairs(redis.call('MGET', unpack(keys))) do
    if row and row:byte(1) == 97 then
      grants[#grants + 1] = keys[at]:sub(6)
      grants[#grants + 1] = row
    end
  end
end

local tasks = {}
local errand = rows[3] or ''
for at = 1, #errand, 44 do
  local task = errand:sub(at + 22, at + 43)
  local state = redis.call('GETRANGE', tag .. 't' .. task, 0, 0)
  if state ~= '' then
    tasks[#tasks + 1] = errand:sub(at, at + 21)
    tasks[#tasks + 1] = task
    tasks[#tasks + 1] = state
  end
end

return { ended and 1 or 0, version, grants, tasks }
