--[[ join-deferral: add a code to a pending grant and take its claims, or change nothing.
     KEYS  1 code  2 grant  3 open codes of the grant  4 evidence  5 counters · claims
     ARGV  1 row of the code  2 its TTL, ms  3 most open codes  4 number of claims  5 number of events  6 the events
           claims: binding, TTL each
     Returns  joined | closed | claim_taken | full ]]
--@include append-events
--@include claims
local claimCount = tonumber(ARGV[4])
local held = {}
for at = 0, claimCount - 1 do
  held[at] = redis.call('GET', KEYS[6 + at])
  if isTaken(held[at], ARGV[7 + 2 * at]) then return 'claim_taken' end
end
if redis.call('GETRANGE', KEYS[2], 0, 0) ~= 'p' then return 'closed' end
if tonumber(redis.call('GET', KEYS[3]) or 0) >= tonumber(ARGV[3]) then return 'full' end
for at = 0, claimCount - 1 do
  take(KEYS[6 + at], held[at], ARGV[7 + 2 * at], ARGV[8 + 2 * at])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('INCR', KEYS[3])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
appendEvents(KEYS[4], KEYS[5], ARGV[5], ARGV[6])
return 'joined'
