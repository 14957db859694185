import { z } from 'zod'
import * as value from '../values.js'

export const limits = z
  .strictObject({
    body_bytes: value.wholeNumber(1024, 65_536).default(65_536).describe('The longest request body.'),
    pending_per_workload: value.wholeNumber(1, 10_000).default(10).describe('Pending grants of one workload.'),
    pending_per_person: value
      .wholeNumber(1, 10_000)
      .default(20)
      .describe('Pending grants that one person has asked for, over all their accounts.'),
    pending_per_group: value.wholeNumber(1, 100_000).default(200).describe('Pending grants that wait for one group.'),
    requests_per_minute: z
      .strictObject({
        workload: value.wholeNumber(1, 100_000_000).default(600).describe('Of one workload.'),
        address: value.wholeNumber(1, 100_000_000).default(6000).describe('From one address.'),
      })
      .prefault({})
      .describe(
        'Faster ones get 429 with `Retry-After`. What comes in ten seconds, and at least 10, may come at once.',
      ),
    cool_down: value
      .duration('0s', '7d')
      .prefault('5m')
      .describe('After a denial, the same request is refused for so long.'),
    poll_interval: value.duration('1s', '1m').prefault('5s').describe('How long a client waits between two polls.'),
    pending: value
      .duration('1m', '30d')
      .prefault('1h')
      .describe('How long a grant waits for people, where its tier does not say.'),
    lease: value
      .duration('1m', '24h')
      .prefault('15m')
      .describe('A task that is not heard of for so long is abandoned.'),
    leeway: value
      .duration('0s', '2m')
      .prefault('30s')
      .describe("Clock leeway on `nbf` and `iat` of assertions and of people's tokens; `exp` has none."),
  })
  .prefault({})
  .describe('Bounds on what others may cause.')
