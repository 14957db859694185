--[[ claim: take a use that goes with no record.
     KEYS  1 claim
     ARGV  1 binding  2 TTL, ms
     Returns  claimed | taken ]]
--@include claims
if isTaken(redis.call('GET', KEYS[1]), ARGV[1]) then return 'taken' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'claimed'
