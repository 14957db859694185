--[[ forget-grant: forget an ended grant whose deadline has passed. Its indexes went when it ended.
     KEYS  1 grant  2 deadlines  3 list of grants
     ARGV  1 now, s
     Returns  forgotten | kept ]]
local row = redis.call('GET', KEYS[1])
if row then
  local status, deadline, place = row:match('^(%a)%d+ (%d+) %d+ %d+ (%d+) ')
  if status == 'p' or status == 'a' or tonumber(deadline) > tonumber(ARGV[1]) then return 'kept' end
  redis.call('DEL', KEYS[1])
  redis.call('XDEL', KEYS[3], '0-' .. place)
end
redis.call('ZREM', KEYS[2], 'g' .. KEYS[1]:sub(6))
return 'forgotten'
