--[[ shard-lag: the oldest deadline of a shard, and how many grants are active in it.
     KEYS  1 deadlines  2 counters
     Returns  { oldest, s, '' when there is none; active grants } ]]
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { oldest[2] or '', redis.call('HGET', KEYS[2], 'l') or '0' }
