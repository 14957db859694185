--[[ request-grant: keep a new grant, pending or active, with its claims, deferral code and evidence, or change nothing.
     KEYS  1 grant  2 index (run or anchor)  3 deadlines  4 evidence  5 counters  6 list of grants  7 list of pending ones
           8 pending count of the anchor
           joining: join key, cool-down · deferral: code, open codes of the grant · claims
           The key of the grant that the join key names is made here: same hash tag, so the same slot.
     ARGV  1 now, s  2 head of the row  3 index in the row  4 document  5 most pending of the anchor
           6 TTL of the join key, ms, '' when not joining  7 number of claims  8 row of the code, '' without
           9 its TTL, ms  10 number of events  11 the events · claims: binding, TTL each
     Returns  requested | run_ended | claim_taken | too_many_pending | { equal_pending, grant } | { cooling_down, until } ]]
--@include append-events
--@include claims
--@include index
local grant, index, short = KEYS[1], KEYS[2], KEYS[1]:sub(6)
local pending, claimCount = ARGV[2]:sub(1, 1) == 'p', tonumber(ARGV[7])
local ofRun = index:sub(5, 5) == 'r'
local key = 9
local join, coolDown, code, openCodes
if ARGV[6] ~= '' then join, coolDown, key = KEYS[key], KEYS[key + 1], key + 2 end
if ARGV[8] ~= '' then code, openCodes, key = KEYS[key], KEYS[key + 1], key + 2 end
local firstClaim = key

if ofRun then
  local _, ended = readRun(redis.call('GET', index))
  if ended then return 'run_ended' end
end
local held = {}
for at = 0, claimCount - 1 do
  held[at] = redis.call('GET', KEYS[firstClaim + at])
  if isTaken(held[at], ARGV[12 + 2 * at]) then return 'claim_taken' end
end
if pending then
  if join then
    local equal = redis.call('GET', join)
    if equal and redis.call('GETRANGE', grant:sub(1, 5) .. equal, 0, 0) == 'p' then
      return { 'equal_pending', equal }
    end
    local untilTime = redis.call('GET', coolDown)
    if untilTime and tonumber(ARGV[1]) < tonumber(untilTime) then return { 'cooling_down', untilTime } end
  end
  if tonumber(redis.call('GET', KEYS[8]) or 0) >= tonumber(ARGV[5]) then return 'too_many_pending' end
end

for at = 0, claimCount - 1 do
  take(KEYS[firstClaim + at], held[at], ARGV[12 + 2 * at], ARGV[13 + 2 * at])
end
local place = redis.call('XADD', KEYS[6], '0-*', 'g', short):sub(3)
redis.call('SET', grant, ARGV[2] .. ' 0 ' .. place .. ' ' .. ARGV[3] .. '\n' .. ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[2]:match('^%S+ (%d+)'), 'g' .. short)
if pending then
  redis.call('ZADD', KEYS[7], place, short)
  redis.call('INCR', KEYS[8])
  if join then redis.call('SET', join, short, 'PX', ARGV[6]) end
elseif ARGV[2]:sub(1, 1) == 'a' then
  redis.call('HINCRBY', KEYS[5], 'l', 1)
  enterIndex(index, short)
end
if code then
  redis.call('SET', code, ARGV[8], 'PX', ARGV[9])
  redis.call('INCR', openCodes)
  redis.call('PEXPIRE', openCodes, ARGV[9])
end
appendEvents(KEYS[4], KEYS[5], ARGV[10], ARGV[11])
return 'requested'
