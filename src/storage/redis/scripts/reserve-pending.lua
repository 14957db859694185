--[[ reserve-pending: keep one of a group's places for a grant until the time given, or change nothing.
     KEYS  1 places of the group
     ARGV  1 now, s  2 grant  3 until, s  4 how many places there are
     Returns  reserved | full ]]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[2]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
return 'reserved'
