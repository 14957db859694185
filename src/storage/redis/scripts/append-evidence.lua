--[[ append-evidence: append events that go with no other change.
     KEYS  1 evidence  2 counters
     ARGV  1 number of events  2 the events
     Returns  appended ]]
--@include append-events
appendEvents(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return 'appended'
