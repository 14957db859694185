--[[ record: record one credential with its grant, task, lease and evidence, or change nothing. All checks come before the
     first write: a script that fails is not rolled back.
     KEYS  1 credential  2 run  3 grant  4 task  5 errand  6 deadlines  7 evidence  8 counters
           created grants: list of grants, index · handed on: claim of the ticket, children of the task ·
           deferral: code, open codes of its grant · ancestors · claims ·
           certificates: certificates of the task, certified tasks of the grant
     ARGV  1 now, s  2 version of the grant, '' for one that is created  3 version of the run, '' to renew
           4 lease until, s  5 unsent at, s  6 row of the credential  7 its TTL, ms  8 row of a task that is opened
           9 most children, '' when not handed on  10 code, 1 or 0  11 number of ancestors  12 number of claims
           13 retention, ms  14 number of events  15 the events
           created grants: head, index, document · handed on: holder, binding and TTL of the ticket
           claims: binding, TTL each
           certificates: member, expires at, s, TTL, ms, expired ones forgotten up to, s
     Returns  recorded | conflict | claim_taken | run_ended | grant_ended | task_ended | parent_ended | over_tasks |
              over_children | ticket_used | deferral_closed ]]
--@include append-events
--@include certificates
--@include claims
--@include index
local credential, run, grant, task, errand = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local deadlines, evidence, counters = KEYS[6], KEYS[7], KEYS[8]
local now, version, runVersion, lease = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local creates, opens, handedOn, redeems = version == '', runVersion ~= '', ARGV[9] ~= '', ARGV[10] == '1'
local ancestorCount, claimCount = tonumber(ARGV[11]), tonumber(ARGV[12])

local key, arg = 9, 16
local list, index, head, where, document, ticket, children, holder, ticketArg, code, openCodes
if creates then
  list, index, head, where, document = KEYS[key], KEYS[key + 1], ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  key, arg = key + 2, arg + 3
end
if handedOn then
  ticket, children, holder, ticketArg = key, KEYS[key + 1], ARGV[arg], arg + 1
  key, arg = key + 2, arg + 3
end
if redeems then
  code, openCodes = key, KEYS[key + 1]
  key = key + 2
end
local firstAncestor, firstClaim, firstClaimArg = key, key + ancestorCount, arg

-- Keys of other types than strings come back as false here: they are read where they are needed.
local rows = redis.call('MGET', unpack(KEYS))
local short = grant:sub(6)

if rows[1] then return 'recorded' end
local runAt, runEnded, sealed = readRun(rows[2])
if runEnded then return 'run_ended' end
for at = 0, claimCount - 1 do
  if isTaken(rows[firstClaim + at], ARGV[firstClaimArg + 2 * at]) then return 'claim_taken' end
end
if handedOn and isTaken(rows[ticket], ARGV[ticketArg]) then return 'ticket_used' end

local row = rows[3]
local about = creates and (head .. ' 0 ') or row
if not about then return 'grant_ended' end
local status, at, deadline, maxTasks, tasks = about:match('^(%a)(%d+) (%d+) (%d+) (%d+) ')
if (status ~= 'p' and status ~= 'a') or now >= tonumber(deadline) then return 'grant_ended' end
if status == 'p' then return 'conflict' end
if creates then
  if row then return 'conflict' end
elseif at ~= version then return 'conflict' end

local held = rows[4]
local heldLease
if opens then
  if tonumber(runVersion) ~= runAt then return 'conflict' end
  if tonumber(tasks) >= tonumber(maxTasks) then return 'over_tasks' end
else
  local state, leaseOf, grantOf
  if held then state, leaseOf, grantOf = held:match('^(%a)%d %d+ (%d+) (%S+) ') end
  if state ~= 'o' or grantOf ~= short then return 'task_ended' end
  heldLease = leaseOf
end

for parent = firstAncestor, firstClaim - 1 do
  local expires = rows[parent] and rows[parent]:match('^[-+](%d+) ')
  if not expires or tonumber(expires) <= now then return 'parent_ended' end
end
if handedOn and tonumber(redis.call('HGET', children, holder) or 0) >= tonumber(ARGV[9]) then
  return 'over_children'
end
if redeems then
  local codeOf = rows[code] and rows[code]:match('^o%d+ %d+ %d+ (%S+) ')
  if codeOf ~= short then return 'deferral_closed' end
end

-- From here on everything is written.
local taskTtl = (tonumber(deadline) - now) * 1000 + tonumber(ARGV[13])
for claim = 0, claimCount - 1 do
  local at, argAt = firstClaim + claim, firstClaimArg + 2 * claim
  take(KEYS[at], rows[at], ARGV[argAt], ARGV[argAt + 1])
end
if handedOn then
  take(KEYS[ticket], rows[ticket], ARGV[ticketArg], ARGV[ticketArg + 1])
  redis.call('HINCRBY', children, holder, 1)
  redis.call('PEXPIRE', children, taskTtl)
end
if redeems then
  redis.call('SET', KEYS[code], 'r' .. rows[code]:sub(2), 'KEEPTTL')
  redis.call('DECR', openCodes)
end

local due = { ARGV[5], 'c' .. credential:sub(6) }
if creates then
  local place = redis.call('XADD', list, '0-*', 'g', short):sub(3)
  redis.call('SET', grant, head .. (opens and ' 1 ' or ' 0 ') .. place .. ' ' .. where .. '\n' .. document)
  redis.call('HINCRBY', counters, 'l', 1)
  if index == run then sealed = sealed .. short else enterIndex(index, short) end
  due[3], due[4] = deadline, 'g' .. short
end
if opens then
  if not creates then
    local from, to = row:match('^%a%d+ %d+ %d+ ()%d+()')
    redis.call('SET', grant, row:sub(1, from - 1) .. string.format('%d', tonumber(tasks) + 1) .. row:sub(to))
  end
  redis.call('SET', task, ARGV[8], 'PX', taskTtl)
  -- An errand outlives all of its tasks, also those under grants that last longer than this one.
  if rows[5] then
    redis.call('SET', errand, rows[5] .. short .. task:sub(6), 'KEEPTTL')
    redis.call('PEXPIRE', errand, taskTtl, 'GT')
  else
    redis.call('SET', errand, short .. task:sub(6), 'PX', taskTtl)
  end
  due[#due + 1], due[#due + 2] = lease, 't' .. task:sub(6)
elseif tonumber(lease) > tonumber(heldLease) then
  local from, to = held:match('^%a%d %d+ ()%d+()')
  redis.call('SET', task, held:sub(1, from - 1) .. lease .. held:sub(to), 'KEEPTTL')
  due[#due + 1], due[#due + 2] = lease, 't' .. task:sub(6)
end
if opens then writeRun(run, runAt + 1, false, sealed) end
redis.call('SET', credential, ARGV[6], 'PX', ARGV[7])
redis.call('ZADD', deadlines, unpack(due))
local certificates = firstClaim + claimCount
if KEYS[certificates] then
  local argAt = firstClaimArg + 2 * claimCount
  keepCertificate(KEYS[certificates], ARGV[argAt], ARGV[argAt + 1], ARGV[argAt + 2], ARGV[argAt + 3])
  keepCertificate(KEYS[certificates + 1], task:sub(6), ARGV[argAt + 1], ARGV[argAt + 2], ARGV[argAt + 3])
  -- What was made just now came with its mark.
  if not creates then mark(grant) end
  if not opens then mark(task) end
  for parent = firstAncestor, firstClaim - 1 do redis.call('SETRANGE', KEYS[parent], 0, '+') end
end
appendEvents(evidence, counters, ARGV[14], ARGV[15])
return 'recorded'
