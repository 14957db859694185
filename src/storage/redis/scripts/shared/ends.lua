-- The feed of ends that took certificates with them: one entry for each, in the step that ends. `key` is any of the shard, `what`
-- g, t or c and a short id. Its entries are numbered from 1; a number is never used again.
local function appendEnd(key, what, at)
  redis.call('XADD', key:sub(1, 4) .. 'f', '0-*', 'e', what .. ' ' .. at)
end
