--[[ list-grants: some of the grants of a shard, in the order in which they were asked for. Its place in that order is a
     grant's for life, so each is met once, whatever changes meanwhile.
     KEYS  1 list of grants, or list of pending ones
     ARGV  1 all | pending: which list it is  2 place to go on after  3 how many to look at  4 status letter, '' for any
           5 anchor, '' for any
     The keys of grants are made here: same hash tag, so the same slot.
     Returns  { place of the last one looked at, '' when none is left after it; grant, row, ... } ]]
local ids, places = {}, {}
if ARGV[1] == 'pending' then
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
  for at = 1, #found, 2 do ids[#ids + 1], places[#places + 1] = found[at], found[at + 1] end
else
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(0-' .. ARGV[2], '+', 'COUNT', ARGV[3])) do
    ids[#ids + 1], places[#places + 1] = entry[2][2], entry[1]:sub(3)
  end
end
if #ids == 0 then return { '' } end

local keys = {}
for at, id in ipairs(ids) do keys[at] = KEYS[1]:sub(1, 4) .. 'g' .. id end
local answer = { #ids < tonumber(ARGV[3]) and '' or places[#places] }
for at, row in ipairs(redis.call('MGET', unpack(keys))) do
  local fits = row and (ARGV[4] == '' or row:sub(1, 1) == ARGV[4])
  if fits and ARGV[5] ~= '' then fits = row:match('^%S+ %d+ %d+ %d+ %d+ (%S+) ') == ARGV[5] end
  if fits then
    answer[#answer + 1] = ids[at]
    answer[#answer + 1] = row
  end
end
return answer
