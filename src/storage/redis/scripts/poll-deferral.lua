--[[ poll-deferral: look a code up for its holder and note the time. A poll before its time lengthens the interval by 5 s
     (RFC 8628 section 3.5). Anyone else's look changes nothing.
     KEYS  1 code
     ARGV  1 holder  2 now, ms
     The key of the grant is made here: same hash tag, so the same slot.
     Returns  unknown | too_fast | redeemed | cancelled | { row of the code, row of the grant } ]]
local row = redis.call('GET', KEYS[1])
if not row then return 'unknown' end
local state, interval, last, rest = row:match('^(%a)(%d+) (%d+) (.*)$')
local grant, holder = rest:match('^%d+ (%S+) (%S+)\n')
if holder ~= ARGV[1] then return 'unknown' end
local grantRow = redis.call('GET', KEYS[1]:sub(1, 4) .. 'g' .. grant)
if not grantRow then return 'unknown' end
if state == 'r' then return 'redeemed' end
if state == 'c' then return 'cancelled' end
local tooFast = last ~= '0' and tonumber(ARGV[2]) - tonumber(last) < tonumber(interval) * 1000
if tooFast then interval = string.format('%d', tonumber(interval) + 5) end
local noted = 'o' .. interval .. ' ' .. ARGV[2] .. ' ' .. rest
redis.call('SET', KEYS[1], noted, 'KEEPTTL')
if tooFast then return 'too_fast' end
return { noted, grantRow }
