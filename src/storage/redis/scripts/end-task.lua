--[[ end-task: end a task, its run when it was opened to, and revise its grant: one step, final.
     KEYS  1 task  2 deadlines  3 evidence  4 counters
           with a revision: grant, index, list of pending ones, pending count of the anchor, then, as ARGV 7 and 8
           say: join key · cool-down
     ARGV  1 state letter  2 only if its lease ended by then, s, '' when not  3 revision, 1 or 0
           4 version of the grant  5 head of its row  6 document  7 join key, 1 or 0  8 cools down until, s, '' when not
           9 TTL of that, ms  10 number of events  11 the events  12 at, s
     The keys of the run, from the row of the task, and of the feed of ends are made here: same hash tag, so the same slot.
     Returns  ended | already | not_lapsed | conflict | unknown ]]
--@include append-events
--@include certificates
--@include ends
--@include index
--@include revision
local row = redis.call('GET', KEYS[1])
if not row then return 'unknown' end
local state, endsRun, lease, run = row:match('^(%a)(%d) %d+ (%d+) %S+ (%S+) ')
if state ~= 'o' then return 'already' end
if ARGV[2] ~= '' and tonumber(lease) > tonumber(ARGV[2]) then return 'not_lapsed' end
local grantRow
if ARGV[3] == '1' then
  grantRow = redis.call('GET', KEYS[5])
  if not revisable(grantRow, ARGV[4]) then return 'conflict' end
end

redis.call('SET', KEYS[1], ARGV[1] .. row:sub(2), 'KEEPTTL')
redis.call('ZREM', KEYS[2], 't' .. KEYS[1]:sub(6))
local runKey = KEYS[1]:sub(1, 4) .. 'r' .. run:sub(1, 22)
local version, ended, ids = readRun(redis.call('GET', runKey))
writeRun(runKey, version + 1, ended or endsRun == '1', ids)
if grantRow then
  revise({
    grant = KEYS[5], index = KEYS[6], deadlines = KEYS[2], counters = KEYS[4], pending = KEYS[7], pendingCount = KEYS[8],
    join = ARGV[7] == '1' and KEYS[9] or '', coolDown = ARGV[8] ~= '' and KEYS[#KEYS] or '',
    head = ARGV[5], body = ARGV[6], coolDownUntil = ARGV[8], coolDownTtl = ARGV[9],
  }, grantRow)
end
if grantRow and isMarked(grantRow) and isEnd(ARGV[5]) then
  appendEnd(KEYS[1], 'g' .. KEYS[5]:sub(6), ARGV[12])
elseif isMarked(row) then
  appendEnd(KEYS[1], 't' .. KEYS[1]:sub(6), ARGV[12])
end
appendEvents(KEYS[3], KEYS[4], ARGV[10], ARGV[11])
return 'ended'
