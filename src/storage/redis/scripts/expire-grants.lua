--[[ expire-grants: end those of the grants that are pending or active and whose deadline has passed, each with its events;
     leave the others alone. Documents stay as they are: what they say has expired by itself.
     KEYS  1 deadlines  2 evidence  3 counters  4 list of pending ones, then the grants
     ARGV  1 now, s  2 kept until, s, then for each grant: number of events, the events
     The keys of runs, anchors and pending counts are made here from the rows: same hash tag, so the same slot.
     Returns  { place among the grants, from 1, ... } of those that expired ]]
--@include append-events
--@include index
local now, keptUntil, tag = tonumber(ARGV[1]), ARGV[2], KEYS[1]:sub(1, 4)
local expired, due, pending, lines = {}, {}, {}, {}
local live, count = 0, 0

for at = 5, #KEYS do
  local row = redis.call('GET', KEYS[at])
  local status, version, deadline, rest, anchor, index
  if row then
    status, version, deadline, rest, anchor, index = row:match('^([pa])(%d+) (%d+)( %d+ %d+ %d+ (%S+) (%S+)\n.*)$')
  end
  if status and tonumber(deadline) <= now then
    local short = KEYS[at]:sub(6)
    local nextVersion = string.format('%d', tonumber(version) + 1)
    redis.call('SET', KEYS[at], 'x' .. nextVersion .. ' ' .. keptUntil .. rest)
    if status == 'a' then
      leaveIndex(tag .. index:sub(1, 23), short)
      live = live + 1
    else
      local ofAnchor = tag .. 'b' .. anchor
      if redis.call('DECR', ofAnchor) <= 0 then redis.call('DEL', ofAnchor) end
      pending[#pending + 1] = short
    end
    due[#due + 1], due[#due + 2] = keptUntil, 'g' .. short
    expired[#expired + 1] = at - 4
    local arg = 2 * (at - 4) + 1
    count = count + tonumber(ARGV[arg])
    lines[#lines + 1] = ARGV[arg + 1]
  end
end

if #expired == 0 then return expired end
redis.call('ZADD', KEYS[1], unpack(due))
if #pending > 0 then redis.call('ZREM', KEYS[4], unpack(pending)) end
if live > 0 then redis.call('HINCRBY', KEYS[3], 'l', -live) end
appendEvents(KEYS[2], KEYS[3], string.format('%d', count), table.concat(lines))
return expired
