import type { EventType } from '../evidence/event.js'
import { shardOf, type GrantId } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { Ended, Grant } from './grant.js'
import type { GrantDeps } from './grant-deps.js'
import { end, isEnded, storedAsOf } from './lifecycle.js'
import { reviseGrant, type Change } from './revise-grant.js'

/** Who ends a grant before its time. */
export interface Ending {
  /** `<people name>:<sub>`, or a workload's SPIFFE id. */
  readonly by: string
  readonly kind: 'workload' | 'person'
  /** Operators revoke what is active. */
  readonly operator: boolean
  /** May read every grant. To others, one that is not theirs is one that does not exist. */
  readonly reader: boolean
}

export type EndRefusal =
  | { readonly reason: 'grant_unknown' }
  /** Pending ones are withdrawn by their requester, active ones revoked by operators. */
  | { readonly reason: 'not_yours_to_end' }
  | { readonly reason: 'has_ended' }

/** Ends a grant now: withdraws a pending one, revokes an active one. Everything below it is dead from then on: it lives by its grant. */
export const endGrant = (deps: GrantDeps, id: GrantId, ending: Ending): Promise<Result<Grant, EndRefusal>> =>
  reviseGrant<EndRefusal>(deps, id, (opened) => {
    const grant = storedAsOf(opened, deps.clock.now())
    const { requested_by } = grant.terms
    const isRequester = requested_by.kind === ending.kind && requested_by.id === ending.by
    if (!isRequester && !ending.operator)
      return refuse({ reason: ending.reader ? 'not_yours_to_end' : 'grant_unknown' })
    if (isEnded(grant)) return refuse({ reason: 'has_ended' })
    if (grant.status === 'pending')
      return isRequester ? ok(changeTo(deps, grant, 'withdrawn', ending)) : refuse({ reason: 'not_yours_to_end' })
    return ending.operator ? ok(changeTo(deps, grant, 'revoked', ending)) : refuse({ reason: 'not_yours_to_end' })
  })

/** Whose time has passed has expired by itself: that is no change of its document. */
type EndReason = Exclude<Ended['reason'], 'expired'>

const EVENT: Readonly<Record<EndReason, EventType>> = {
  completed: 'grant.completed',
  revoked: 'grant.revoked',
  denied: 'grant.denied',
  withdrawn: 'grant.withdrawn',
}

/** Who ended something: a person, a workload, or Errand itself because a deadline had passed. */
export interface Ender {
  readonly by: string
  readonly kind: 'workload' | 'person' | 'errand'
}

export const DEADLINE: Ender = { by: 'errand', kind: 'errand' }

/** The change that ends a grant, with its evidence. */
export function changeTo(
  deps: Pick<GrantDeps, 'clock' | 'describe'>,
  grant: Grant,
  reason: EndReason,
  { by, kind }: Ender,
): Change {
  const now = deps.clock.now()
  const who = kind === 'person' ? { person: by } : kind === 'workload' ? { workload: by } : {}
  const subject = { grantId: grant.terms.id, ...who }
  return {
    grant: end(grant, reason, by, now),
    events: [deps.describe(shardOf(grant.terms.id), EVENT[reason], now, subject)],
  }
}
