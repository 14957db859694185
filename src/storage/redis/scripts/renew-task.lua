--[[ renew-task: lengthen the lease of an open task, never shorten it.
     KEYS  1 task  2 deadlines  3 evidence  4 counters
     ARGV  1 lease until, s  2 number of events  3 the events
     Returns  renewed | ended | unknown ]]
--@include append-events
local row = redis.call('GET', KEYS[1])
if not row then return 'unknown' end
local state, from, lease, to = row:match('^(%a)%d %d+ ()(%d+)()')
if state ~= 'o' then return 'ended' end
if tonumber(ARGV[1]) > tonumber(lease) then
  redis.call('SET', KEYS[1], row:sub(1, from - 1) .. ARGV[1] .. row:sub(to), 'KEEPTTL')
  redis.call('ZADD', KEYS[2], ARGV[1], 't' .. KEYS[1]:sub(6))
end
appendEvents(KEYS[3], KEYS[4], ARGV[2], ARGV[3])
return 'renewed'
