--[[ save-key-ring: replace the key ring or the authorities, only at the version that the change was decided on.
     KEYS  1 which of them  2 evidence  3 counters
     ARGV  1 version it is at, 0 for none  2 the sealed document  3 number of events  4 the events
     Returns  saved | conflict ]]
--@include append-events
if (redis.call('HGET', KEYS[1], 'v') or '0') ~= ARGV[1] then return 'conflict' end
redis.call('HSET', KEYS[1], 'v', string.format('%d', tonumber(ARGV[1]) + 1), 'k', ARGV[2])
appendEvents(KEYS[2], KEYS[3], ARGV[3], ARGV[4])
return 'saved'
