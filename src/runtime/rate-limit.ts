import type { Clock } from './clock.js'

/**
 * Limits how often something may happen, for each key: a bucket that fills at an even rate (GCRA). In memory of this one
 * instance: with N instances behind a balancer, N times as much may pass. The number of keys is bounded, and a key is
 * looked up and charged in one synchronous step, since this stands on the hot path.
 */
export interface RateLimit {
  /** `undefined`: go on. Otherwise refused, and the seconds to wait (at least 1). */
  take(key: string): number | undefined
  /** Charges more for what has already happened: it is never refused, the next one may be. */
  charge(key: string, cost: number): void
}

export interface RateLimitOptions {
  readonly perMinute: number
  /** So many may come at once; by default what comes in ten seconds, at least 10. */
  readonly burst?: number
  readonly clock: Clock
  /** Beyond so many keys the oldest is forgotten, as if it had never come. */
  readonly maxKeys?: number
}

const MAX_KEYS = 100_000
/** Milliseconds since 1970 leave a double some four digits after the point. */
const ROUNDING_MS = 0.01

export function createRateLimit({ perMinute, burst, clock, maxKeys = MAX_KEYS }: RateLimitOptions): RateLimit {
  const interval = 60_000 / perMinute
  const allowance = interval * (burst ?? Math.max(10, Math.ceil(perMinute / 6)))
  /** When the bucket of a key is full again, milliseconds; oldest use first. */
  const fullAt = new Map<string, number>()

  const advance = (key: string, now: number, cost: number): void => {
    const from = Math.max(fullAt.get(key) ?? now, now)
    // Put last: the order of the map is the order of use.
    fullAt.delete(key)
    // A key that was charged too much is let in again after two bursts at the latest.
    fullAt.set(key, Math.min(from + interval * cost, now + 2 * allowance))
    if (fullAt.size <= maxKeys) return
    for (const oldest of fullAt.keys()) {
      fullAt.delete(oldest)
      return
    }
  }

  return {
    take(key) {
      const now = clock.nowMs()
      const ahead = Math.max((fullAt.get(key) ?? now) - now, 0)
      const excess = ahead + interval - allowance
      if (excess > ROUNDING_MS) return Math.max(1, Math.ceil(excess / 1000))
      advance(key, now, 1)
      return undefined
    },
    charge(key, cost) {
      advance(key, clock.nowMs(), cost)
    },
  }
}
