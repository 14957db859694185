import { expect, test } from '@jest/globals'
import { randomInt } from 'node:crypto'
import { runFuzz } from '../../fuzz/run.mjs'

/** A few of the inputs of `npm run fuzz`, by the same program. */
const INPUTS = 4000

test('spoilt requests and certificates: no crash, no work without bounds, and nothing certified that its key did not sign', () => {
  const seed = randomInt(2 ** 31)
  const report = runFuzz({ inputs: INPUTS, seed })
  expect({ seed, faults: report.faults }).toEqual({ seed, faults: [] })
  expect(report.inputs).toBe(INPUTS)
  expect(report.accepted['request']).toBeGreaterThan(0)
}, 600_000)
