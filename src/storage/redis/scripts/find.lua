--[[ find: everything that bears on an exchange by one run, in one look.
     KEYS  1 run  2 standing grants of the anchor  3 errand
     The keys of grants and tasks are made here from the ids that the three hold: same hash tag, so the same slot.
     Returns  { ended (1 or 0), version, { grant, row, ... } (active ones), { grant, task, state letter, ... } ]]
local tag = KEYS[1]:sub(1, 4)
local ended, version = 0, '0'
local ids, keys = {}, {}

local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local field = fields[at]
  if field == 'v' then version = fields[at + 1]
  elseif field == 'e' then ended = 1
  else ids[#ids + 1] = field end
end
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do ids[#ids + 1] = id end

local grants = {}
for at, id in ipairs(ids) do
  keys[#keys + 1] = tag .. 'g' .. id
  if #keys == 500 or at == #ids then
    local first = at - #keys
    for offset, row in ipairs(redis.call('MGET', unpack(keys))) do
      if row and row:byte(1) == 97 then
        grants[#grants + 1] = ids[first + offset]
        grants[#grants + 1] = row
      end
    end
    keys = {}
  end
end

local tasks = {}
local errand = redis.call('GET', KEYS[3])
if errand then
  for at = 1, #errand, 44 do
    local task = errand:sub(at + 22, at + 43)
    local state = redis.call('GETRANGE', tag .. 't' .. task, 0, 0)
    if state ~= '' then
      tasks[#tasks + 1] = errand:sub(at, at + 21)
      tasks[#tasks + 1] = task
      tasks[#tasks + 1] = state
    end
  end
end

return { ended, version, grants, tasks }
