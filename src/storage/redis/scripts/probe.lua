--[[ probe: whether this shard can be written to, and the server's time.
     KEYS  1 probe
     Returns  the server's time, ms ]]
redis.call('SET', KEYS[1], '1')
local time = redis.call('TIME')
return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
