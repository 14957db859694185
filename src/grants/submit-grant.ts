import type { EncodedEvent } from '../evidence/event.js'
import type { Claim, DeferralRecord, GrantIndex, GrantRequested } from './grant-store.js'
import type { Grant } from './grant.js'
import type { GrantDeps } from './grant-deps.js'
import { decideBy } from './lifecycle.js'
import { joinKeyOf } from './whereabouts.js'

/** A pending grant on its way into the store. */
export interface Submission {
  readonly grant: Grant
  readonly index: GrantIndex
  readonly anchorKey: string
  readonly claims: readonly Claim[]
  readonly deferral?: DeferralRecord
  readonly events: readonly EncodedEvent[]
}

type SubmitDeps = Pick<GrantDeps, 'safe'> & {
  readonly limits: Pick<GrantDeps['limits'], 'pendingPerWorkload' | 'pendingPerGroup' | 'pendingPerPerson'>
  readonly stores: Pick<GrantDeps['stores'], 'grants'>
}

/**
 * Hands a pending grant to the store within the limits: so many for each workload, for each person who asks, and for each
 * approver group, so that nobody can bury what people must look at (invariant 14).
 */
export async function submitGrant(deps: SubmitDeps, submission: Submission): Promise<GrantRequested> {
  const { grant } = submission
  if (!(await reservePlaces(deps, grant))) return findEqual(deps, submission)
  const answer = await request(deps, submission, deps.limits.pendingPerWorkload)
  if (answer.kind !== 'requested') await releasePlaces(deps, grant)
  return answer
}

/** Whether an equal request is pending, or was denied a short time ago; nothing is kept, for there is no place for it. */
export const findEqual = (deps: SubmitDeps, submission: Submission): Promise<GrantRequested> =>
  request(deps, submission, 0)

const request = (deps: SubmitDeps, submission: Submission, pendingLimit: number): Promise<GrantRequested> =>
  deps.stores.grants.request({
    record: deps.safe.close(submission.grant, 1, submission.index),
    claims: submission.claims,
    ...(submission.deferral === undefined ? {} : { deferral: submission.deferral }),
    joinKey: submission.grant.askedAs ?? joinKeyOf(submission.grant.terms),
    anchorKey: submission.anchorKey,
    pendingLimit,
    events: submission.events,
    now: submission.grant.createdAt,
  })

async function reservePlaces(deps: SubmitDeps, grant: Grant): Promise<boolean> {
  const { pendingPerGroup, pendingPerPerson } = deps.limits
  for (const { whose, isPerson } of placesOf(grant)) {
    const limit = isPerson ? pendingPerPerson : pendingPerGroup
    const { id } = grant.terms
    const place = await deps.stores.grants.reservePending(whose, id, decideBy(grant), limit, grant.createdAt)
    if (place === 'full') {
      await releasePlaces(deps, grant)
      return false
    }
  }
  return true
}

/** A place that is not given back (an outage) is free again when the grant's time to be decided has passed. */
export async function releasePlaces(deps: Pick<SubmitDeps, 'stores'>, grant: Grant): Promise<void> {
  for (const { whose } of placesOf(grant)) await deps.stores.grants.releasePending(whose, grant.terms.id)
}

interface Place {
  readonly whose: string
  readonly isPerson: boolean
}

/** The requester's comes first: who has none left takes no group's. No group's name has a line feed in it (`config/values.ts`). */
function placesOf({ terms: { requested_by, required_reviews }, requesterSamePerson }: Grant): readonly Place[] {
  const groups = required_reviews.map(({ group }) => ({ whose: group, isPerson: false }))
  if (requested_by.kind !== 'person') return groups
  return [{ whose: `person\n${requesterSamePerson ?? requested_by.id}`, isPerson: true }, ...groups]
}
