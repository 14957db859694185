-- Certificates, as they are found by their task, and by their grant. Whatever has some below it is marked in its own row, so that
-- its end knows without another look: '+' at the end of the last word of the head of a grant or a task; '+' in place of '-'
-- as the state of a credential. Steps that have to do with no certificate neither read nor write more than without these.

local function isMarked(row)
  return row:byte(row:find('\n', 1, true) - 1) == 43
end

local function mark(key)
  local row = redis.call('GET', key)
  if isMarked(row) then return end
  local head, document = row:match('^([^\n]*)(.*)$')
  redis.call('SET', key, head .. '+' .. document, 'KEEPTTL')
end

-- In a sorted set by the time when the last certificate expires; those that have expired long enough go.
local function keepCertificate(key, member, expires, ttl, forgotten)
  redis.call('ZADD', key, 'GT', expires, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', forgotten)
  if redis.call('PEXPIRE', key, ttl, 'NX') == 0 then redis.call('PEXPIRE', key, ttl, 'GT') end
end
