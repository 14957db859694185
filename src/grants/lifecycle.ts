import { formatTime, parseTime, type EpochSeconds } from '../runtime/clock.js'
import type { Ended, Grant, GrantStatus } from './grant.js'

/** How a grant goes from one status to the next. Ends are final (contract §1); every function here is pure. */
const ENDS: Readonly<Record<Ended['reason'], GrantStatus>> = {
  completed: 'completed',
  revoked: 'revoked',
  expired: 'expired',
  denied: 'denied',
  withdrawn: 'withdrawn',
}

/** An ended grant is kept this long, so that it can be read; its evidence stays. Seconds. */
const KEEP_ENDED = 30 * 86_400

export const isEnded = (grant: Grant): boolean => grant.status !== 'pending' && grant.status !== 'active'

export const activate = (grant: Grant, now: EpochSeconds): Grant => ({
  ...grant,
  status: 'active',
  expiresAt: now + grant.terms.duration_seconds,
})

export const end = (grant: Grant, reason: Ended['reason'], by: string, now: EpochSeconds): Grant => ({
  ...grant,
  status: ENDS[reason],
  ended: { reason, by, at: formatTime(now) },
})

/** Until when it may be decided, used, or read. */
export function deadlineOf(grant: Grant): EpochSeconds {
  if (grant.status === 'pending') return decideBy(grant)
  if (grant.status === 'active') return grant.expiresAt ?? 0
  return (parseTime(grant.ended?.at ?? '') ?? 0) + KEEP_ENDED
}

export const decideBy = (grant: Grant): EpochSeconds => parseTime(grant.terms.decide_by) ?? 0

/** Whether credentials may be issued under it now: decided by the record, never by a store's TTL (invariant 12). */
export const isActive = (grant: Grant, now: EpochSeconds): boolean =>
  grant.status === 'active' && grant.expiresAt !== undefined && now < grant.expiresAt
