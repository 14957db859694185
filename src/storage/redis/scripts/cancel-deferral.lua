--[[ cancel-deferral: a code that its holder gives back is never redeemed. Cancelling again changes nothing.
     KEYS  1 code  2 evidence  3 counters
     ARGV  1 holder  2 number of events  3 the events
     The keys of the grant are made here: same hash tag, so the same slot.
     Returns  unknown | { grant, row of the grant, open codes that the grant still has } ]]
--@include append-events
local row = redis.call('GET', KEYS[1])
if not row then return 'unknown' end
local state, short, holder = row:match('^(%a)%d+ %d+ %d+ (%S+) (%S+)\n')
if holder ~= ARGV[1] or state == 'r' then return 'unknown' end
local tag = KEYS[1]:sub(1, 4)
local grantRow = redis.call('GET', tag .. 'g' .. short)
if not grantRow then return 'unknown' end
if state == 'o' then
  redis.call('SET', KEYS[1], 'c' .. row:sub(2), 'KEEPTTL')
  redis.call('DECR', tag .. 'o' .. short)
  appendEvents(KEYS[2], KEYS[3], ARGV[2], ARGV[3])
end
return { short, grantRow, tonumber(redis.call('GET', tag .. 'o' .. short) or 0) }
