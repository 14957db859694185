-- Appends the events of a step as one entry, in the same step as the change they tell of. `events` has two lines for
-- each, between which its number belongs; JCS has no line feeds of its own. Numbers have no gap: an entry is named after
-- the number of its last event.
local function appendEvents(stream, counters, count, events)
  if count == '0' then return end
  local last = redis.call('HINCRBY', counters, 's', count)
  redis.call('XADD', stream, '0-' .. string.format('%d', last), 'e', events)
end
