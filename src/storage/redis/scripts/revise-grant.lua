--[[ revise-grant: put a grant from the version that was decided on to the next, or change nothing. Ends are final.
     KEYS  1 grant  2 index (run or anchor)  3 deadlines  4 evidence  5 counters  6 list of pending ones
           7 pending count of the anchor, then, as ARGV 4 and 5 say: join key · cool-down
     ARGV  1 version it is at  2 head of the row  3 document  4 join key, 1 or 0  5 cools down until, s, '' when not
           6 TTL of that, ms  7 number of events  8 the events  9 at, s
     The key of the feed of ends is made here: same hash tag, so the same slot.
     Returns  revised | conflict ]]
--@include append-events
--@include certificates
--@include ends
--@include index
--@include revision
local row = redis.call('GET', KEYS[1])
if not revisable(row, ARGV[1]) then return 'conflict' end
revise({
  grant = KEYS[1], index = KEYS[2], deadlines = KEYS[3], counters = KEYS[5], pending = KEYS[6], pendingCount = KEYS[7],
  join = ARGV[4] == '1' and KEYS[8] or '', coolDown = ARGV[5] ~= '' and KEYS[#KEYS] or '',
  head = ARGV[2], body = ARGV[3], coolDownUntil = ARGV[5], coolDownTtl = ARGV[6],
}, row)
if isMarked(row) and isEnd(ARGV[2]) then appendEnd(KEYS[1], 'g' .. KEYS[1]:sub(6), ARGV[9]) end
appendEvents(KEYS[4], KEYS[5], ARGV[7], ARGV[8])
return 'revised'
