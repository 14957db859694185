import type { Clock, EpochSeconds } from '../../src/runtime/clock.js'

export interface TurnableClock extends Clock {
  /** Turns it forward by so many seconds, fractions allowed. */
  advance(seconds: number): void
  /** Puts it at a time, seconds. */
  set(at: EpochSeconds): void
}

/**
 * 2033-05-18T03:33:20Z. Tests stand in the future on purpose: a store that lets its server forget records by the server's
 * own clock keeps them for the whole test, whatever the turned clock says.
 */
export const TEST_EPOCH: EpochSeconds = 2_000_000_000

export function turnableClock(start: EpochSeconds = TEST_EPOCH): TurnableClock {
  let ms = start * 1000
  return {
    now: () => Math.floor(ms / 1000),
    nowMs: () => ms,
    advance(seconds) {
      ms += Math.round(seconds * 1000)
    },
    set(at) {
      ms = at * 1000
    },
  }
}
