import { afterAll, describe, expect, test } from '@jest/globals'
import { runCrashes } from '../../harness/crash.mjs'
import { endAll } from '../../harness/kit/processes.mjs'

/** A few of the kills of `npm run crash`, by the same program. */
const KILLS = 10

afterAll(() => {
  endAll()
})

describe('a broker that is killed while many exchanges are under way', () => {
  test.each(['embedded', 'redis'] as const)(
    'invariants 1, 3, 9: no credential without evidence, no cap exceeded, no assertion used twice, nothing left over (%s)',
    async (store) => {
      const report = await runCrashes({ store, kills: KILLS })
      expect(report.faults).toEqual([])
      expect(report.kills).toBe(KILLS)
      expect(report.leastInFlight).toBeGreaterThanOrEqual(16)
      expect(report.seen.issued).toBeGreaterThan(KILLS)
      expect(report.seen.repeated).toBeGreaterThan(KILLS)
    },
    900_000,
  )
})
