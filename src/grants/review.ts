import { formatTime, type EpochSeconds } from '../runtime/clock.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { Person } from '../people/person.js'
import { digestOf } from './digest.js'
import type { Grant, RequiredReview, Review, Terms } from './grant.js'
import type { JoinedTier } from './join-tiers.js'
import { activate, decideBy, end } from './lifecycle.js'
import { narrowingFault } from './narrowing.js'
import { separate } from './separation.js'
import { joinKeyOf } from './whereabouts.js'

/** What a reviewer says (contract §1, "Review"). */
export interface ReviewRequest {
  readonly decision: 'approve' | 'deny'
  readonly reason: string
  readonly digest: string
  readonly group?: string
  /** Complete, and narrower than those of the grant. */
  readonly terms?: Terms
}

export type ReviewRefusal =
  | { readonly reason: 'not_pending' }
  | { readonly reason: 'digest_mismatch' }
  | { readonly reason: 'terms_not_narrower'; readonly detail: string }
  | { readonly reason: 'not_in_group' }
  | { readonly reason: 'group_ambiguous'; readonly groups: readonly string[] }
  | { readonly reason: 'sign_in_too_old'; readonly maxAge: number }
  | { readonly reason: 'is_requester' }
  | { readonly reason: 'already_reviewed' }
  | { readonly reason: 'person_ambiguous' }
  | { readonly reason: 'started_the_run' }
  | { readonly reason: 'separation_unknown' }

export interface ReviewContext {
  readonly tier: Pick<JoinedTier, 'fresh' | 'separation'>
  /** The name of the workload source that the grant's delegate belongs to, and whether it names who starts its runs. */
  readonly source: { readonly name: string; readonly namesStarter: boolean }
  readonly now: EpochSeconds
}

/** One person's review of a pending grant. A denial ends it; the approval that meets every requirement activates it. */
export function review(
  grant: Grant,
  person: Person,
  request: ReviewRequest,
  context: ReviewContext,
): Result<Grant, ReviewRefusal> {
  if (grant.status !== 'pending' || context.now >= decideBy(grant)) return refuse({ reason: 'not_pending' })
  const terms = request.terms ?? grant.terms
  const fault = request.terms === undefined ? undefined : narrowingFault(request.terms, grant.terms)
  if (fault !== undefined) return refuse({ reason: 'terms_not_narrower', detail: fault })
  if (request.digest !== digestOf(terms)) return refuse({ reason: 'digest_mismatch' })
  const group = groupOf(grant, person, request)
  if (!group.ok) return group
  if (context.now - person.authTime > context.tier.fresh)
    return refuse({ reason: 'sign_in_too_old', maxAge: context.tier.fresh })

  const made = reviewBy(person, request, group.value, context)
  // A denial is open to everyone who could approve, and to the requester and the starter too: it takes nothing from anybody else.
  if (request.decision === 'deny')
    return ok(end({ ...grant, reviews: [...grant.reviews, made] }, 'denied', person.id, context.now))

  // With narrower terms, earlier reviews are of something else: they are void.
  const earlier = request.terms === undefined ? grant.reviews : []
  const refusal = approvalRefusal(grant, earlier, person, context)
  if (refusal !== undefined) return refuse(refusal)
  const unseparated = separationOf(grant, person, context) === 'cannot_tell'
  const reviewed: Grant = {
    ...grant,
    terms,
    ...(request.terms === undefined ? {} : { askedAs: grant.askedAs ?? joinKeyOf(grant.terms) }),
    reviews: [...earlier, unseparated ? { ...made, unseparated: true } : made],
  }
  return ok(meets(reviewed.reviews, terms.required_reviews) ? activate(reviewed, context.now) : reviewed)
}

/** `earlier`: the reviews that stand beside this one. */
function approvalRefusal(
  grant: Grant,
  earlier: readonly Review[],
  person: Person,
  context: ReviewContext,
): ReviewRefusal | undefined {
  if (person.samePerson === undefined) return { reason: 'person_ambiguous' }
  if (mayBeRequester(grant, person)) return { reason: 'is_requester' }
  if (earlier.some((made) => made.same_person === person.samePerson || made.by === person.id))
    return { reason: 'already_reviewed' }
  const separation = separationOf(grant, person, context)
  if (separation === 'same') return { reason: 'started_the_run' }
  if (separation === 'cannot_tell' && context.tier.separation === 'strict') return { reason: 'separation_unknown' }
  return undefined
}

/** Nobody can be told apart from a person of whom nobody knows which accounts they have. */
function mayBeRequester({ terms: { requested_by }, requesterSamePerson }: Grant, person: Person): boolean {
  if (requested_by.kind !== 'person') return false
  return requested_by.id === person.id || requesterSamePerson === undefined || requesterSamePerson === person.samePerson
}

/** A standing window names no starter yet; its approver must be known at the source all the same, to be told apart at each exchange. */
function separationOf(grant: Grant, person: Person, { source }: ReviewContext): ReturnType<typeof separate> {
  const linked = linkOf(person, source.name)
  if (grant.startedBy !== undefined) return separate(grant.startedBy, linked)
  const standing = Object.keys(grant.terms.sealed).length === 0
  return standing && source.namesStarter && linked === undefined ? 'cannot_tell' : 'separate'
}

function groupOf(grant: Grant, person: Person, request: ReviewRequest): Result<string, ReviewRefusal> {
  const theirs = grant.terms.required_reviews.map(({ group }) => group).filter((group) => person.groups.includes(group))
  if (request.group !== undefined)
    return theirs.includes(request.group) ? ok(request.group) : refuse({ reason: 'not_in_group' })
  const [only, ...others] = theirs
  if (only === undefined) return refuse({ reason: 'not_in_group' })
  return others.length === 0 ? ok(only) : refuse({ reason: 'group_ambiguous', groups: theirs })
}

function reviewBy(person: Person, request: ReviewRequest, group: string, { source, now }: ReviewContext): Review {
  const linked = linkOf(person, source.name)
  return {
    by: person.id,
    same_person: person.samePerson ?? person.id,
    group,
    decision: request.decision,
    reason: request.reason,
    at: formatTime(now),
    digest: request.digest,
    auth_time: person.authTime,
    ...(linked === undefined ? {} : { linked }),
  }
}

const linkOf = (person: Person, source: string): string | undefined =>
  Object.hasOwn(person.links, source) ? person.links[source] : undefined

/** All groups, each with its count, by different people: one person counts once, in the one group that they reviewed for. */
export function meets(reviews: readonly Review[], required: readonly RequiredReview[]): boolean {
  const approvals = new Map<string, string>()
  for (const { decision, same_person, group } of reviews)
    if (decision === 'approve' && !approvals.has(same_person)) approvals.set(same_person, group)
  const groups = [...approvals.values()]
  return required.every(({ group, count }) => groups.filter((name) => name === group).length >= count)
}
