// @ts-check
// A clock that the harness can turn forward.
import { clockOffset } from './marks.mjs'

export * from '../../../dist/runtime/clock.js'

/** @type {import('../../../dist/runtime/clock.js').Clock} */
export const systemClock = {
  now: () => Math.floor(Date.now() / 1000) + clockOffset(),
  nowMs: () => Date.now() + clockOffset() * 1000,
}
