import { formatTime, parseTime, type EpochSeconds } from '../runtime/clock.js'
import type { Ended, Grant, GrantStatus } from './grant.js'
import type { GrantRecord } from './grant-store.js'

/** How a grant goes from one status to the next. Ends are final (contract §1); every function here is pure. */
const ENDS: Readonly<Record<Ended['reason'], GrantStatus>> = {
  completed: 'completed',
  revoked: 'revoked',
  expired: 'expired',
  denied: 'denied',
  withdrawn: 'withdrawn',
}

/** Who ends what a deadline ends. */
const BY_DEADLINE = 'errand'

/** An ended grant is kept this long, so that it can be read; its evidence stays. Seconds. */
export const KEEP_ENDED = 30 * 86_400

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

/**
 * The grant as it is at this time: one whose time has passed has expired, whatever its document says (invariant 12). So
 * no document is written for it, and whether it has been swept makes no difference.
 */
export function asOf(grant: Grant, now: EpochSeconds): Grant {
  if (isEnded(grant)) return grant
  const until = deadlineOf(grant)
  return now < until ? grant : end(grant, 'expired', BY_DEADLINE, until)
}

/**
 * The same for one that a store kept. Clocks differ: what another broker has ended stays so, though ours is behind. A store
 * that says so falsely takes no more than one that has lost the grant.
 */
export const storedAsOf = (
  { record, grant }: { readonly record: Pick<GrantRecord, 'status'>; readonly grant: Grant },
  now: EpochSeconds,
): Grant => asOf(grant, record.status === 'expired' ? Infinity : now)

/** Whether credentials may be issued under it now: decided by the record, never by a store's TTL (invariant 12). */
export const isActive = (grant: Grant, now: EpochSeconds): boolean =>
  grant.status === 'active' && grant.expiresAt !== undefined && now < grant.expiresAt
