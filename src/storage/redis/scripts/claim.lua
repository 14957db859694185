--[[ claim: take a use that goes with no record.
     KEYS  1 claim
     ARGV  1 binding  2 TTL, ms
     Returns  claimed | taken ]]
--@include claims
local held = redis.call('GET', KEYS[1])
if isTaken(held, ARGV[1]) then return 'taken' end
take(KEYS[1], held, ARGV[1], ARGV[2])
return 'claimed'
