--[[ end-credential: end a credential, and so everything handed on from it. Final.
     KEYS  1 credential  2 deadlines  3 evidence  4 counters
     ARGV  1 how: r (revoked) or v (voided)  2 at, s  3 number of events  4 the events
     The key of the feed of ends is made here: same hash tag, so the same slot.
     Returns  ended | already | unknown ]]
--@include append-events
--@include ends
local state = redis.call('GETRANGE', KEYS[1], 0, 0)
if state == '' then return 'unknown' end
if state ~= '-' and state ~= '+' then return 'already' end
-- Confirmed after the sweeper was handed it: it was sent, so it lives.
if redis.call('ZREM', KEYS[2], 'c' .. KEYS[1]:sub(6)) == 0 and ARGV[1] == 'v' then return 'already' end
redis.call('SETRANGE', KEYS[1], 0, ARGV[1])
if state == '+' then appendEnd(KEYS[1], 'c' .. KEYS[1]:sub(6), ARGV[2]) end
appendEvents(KEYS[3], KEYS[4], ARGV[3], ARGV[4])
return 'ended'
