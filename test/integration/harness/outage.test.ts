import { afterAll, describe, expect, test } from '@jest/globals'
import { endAll } from '../../harness/kit/processes.mjs'
import { runOutages } from '../../harness/outage.mjs'

/** A few of the outages of `npm run crash`, by the same program. */
const OUTAGES = 3

afterAll(() => {
  endAll()
})

describe('a Redis that is killed while many exchanges are under way, and comes back', () => {
  test('503 with Retry-After; what was handed out is active, what stands behind a 503 is not; the broker recovers by itself', async () => {
    const report = await runOutages({ outages: OUTAGES })
    expect(report.faults).toEqual([])
    expect(report.outages).toBe(OUTAGES)
    expect(report.leastInFlight).toBeGreaterThanOrEqual(64)
    expect(report.seen.handedOut).toBeGreaterThan(0)
    expect(report.seen.unavailable).toBeGreaterThan(0)
  }, 600_000)
})
