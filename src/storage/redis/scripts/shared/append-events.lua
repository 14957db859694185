-- Appends the events in ARGV from `first` on, two texts each, between which the number belongs. The stream numbers them
-- itself: 0-1, 0-2, ... without a gap, in the same step as the change they tell of.
local function appendEvents(stream, first)
  for at = first, #ARGV, 2 do
    redis.call('XADD', stream, '0-*', 'b', ARGV[at], 'a', ARGV[at + 1])
  end
end
