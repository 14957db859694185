--[[ append-evidence: append events that go with no other change.
     KEYS  1 evidence
     ARGV  events: two texts each
     Returns  appended ]]
--@include append-events
appendEvents(KEYS[1], 1)
return 'appended'
