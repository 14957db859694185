--[[ take-due: hand out what is due, oldest first, and keep it from others for a while.
     KEYS  1 deadlines
     ARGV  1 now, s  2 kept until, s  3 at most so many
     Returns  { kind letter and id, ... } ]]
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
if #due == 0 then return due end
local kept = {}
for at, member in ipairs(due) do kept[2 * at - 1], kept[2 * at] = ARGV[2], member end
redis.call('ZADD', KEYS[1], unpack(kept))
return due
