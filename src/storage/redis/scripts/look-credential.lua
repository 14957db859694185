--[[ look-credential: a credential, and what its life depends on.
     KEYS  1 credential
     The keys of its grant, task and ancestors are made here: same hash tag, so the same slot.
     Returns  unknown | { row, row of the grant, row of the task, whether no ancestor has ended (1 or 0) } ]]
local row = redis.call('GET', KEYS[1])
if not row then return 'unknown' end
local tag = KEYS[1]:sub(1, 4)
local grant, task, ancestors = row:match('^%S+ (%S+) (%S+) (%S*)[ \n]')
local keys = { tag .. 'g' .. grant, tag .. 't' .. task }
for ancestor in ancestors:gmatch('[^,]+') do keys[#keys + 1] = tag .. 'c' .. ancestor end
local rows = redis.call('MGET', unpack(keys))
if not rows[1] or not rows[2] then return 'unknown' end
local parentsLive = 1
for at = 3, #keys do
  if not rows[at] or not rows[at]:find('^[-+]') then parentsLive = 0 end
end
return { row, rows[1], rows[2], parentsLive }
