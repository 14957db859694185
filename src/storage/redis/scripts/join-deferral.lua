--[[ join-deferral: add a code to a pending grant and take its claims, or change nothing.
     KEYS  1 code  2 grant  3 open codes of the grant  4 evidence · claims
     ARGV  1 row of the code  2 its TTL, ms  3 number of claims · claims: binding, TTL each · events: two texts each
     Returns  joined | closed | claim_taken ]]
--@include append-events
--@include claims
local claimCount = tonumber(ARGV[3])
for at = 0, claimCount - 1 do
  if isTaken(redis.call('GET', KEYS[5 + at]), ARGV[4 + 2 * at]) then return 'claim_taken' end
end
if redis.call('GETRANGE', KEYS[2], 0, 0) ~= 'p' then return 'closed' end
for at = 0, claimCount - 1 do
  redis.call('SET', KEYS[5 + at], ARGV[4 + 2 * at], 'PX', ARGV[5 + 2 * at])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('INCR', KEYS[3])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
appendEvents(KEYS[4], 4 + 2 * claimCount)
return 'joined'
