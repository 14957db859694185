import { KEPT_AFTER_EXPIRY_SECONDS } from '../../grants/certificate-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'

/**
 * TTLs only evict: whether something is over is decided by its record and our clock (invariant 12). So each is longer than
 * it need be, by more than clocks differ, and counted from the caller's `now`, never from the server's time.
 */
const HOUR = 3600
const DAY = 24 * HOUR

const milliseconds = (seconds: number): number => Math.max(seconds, HOUR) * 1000

/** A claim that was forgotten could be taken twice. */
export const claimTtl = (until: EpochSeconds, now: EpochSeconds): number => milliseconds(until - now + HOUR)
export const credentialTtl = (expiresAt: EpochSeconds, now: EpochSeconds): number => milliseconds(expiresAt - now + DAY)
export const certificateTtl = (expiresAt: EpochSeconds, now: EpochSeconds): number =>
  milliseconds(expiresAt - now + KEPT_AFTER_EXPIRY_SECONDS)
export const deferralTtl = (expiresAt: EpochSeconds, now: EpochSeconds): number =>
  milliseconds(expiresAt - now + RETENTION_SECONDS)
export const coolDownTtl = (until: EpochSeconds, now: EpochSeconds): number => milliseconds(until - now + HOUR)
/** A grant that expired leaves its join key behind: requests look at the grant that it names. */
export const joinTtl = (decideBy: EpochSeconds, now: EpochSeconds): number => milliseconds(decideBy - now + HOUR)

/** Tasks, errands and codes outlive their grant by this, which is longer than ended grants are kept. */
export const RETENTION_SECONDS = 100 * DAY
