import type { TextMac } from '../issuance/mac.js'
import { formatTime, parseTime, type EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import type { GrantId } from '../runtime/ids.js'
import { digestOf } from './digest.js'
import {
  BINDINGS,
  type Access,
  type AuthorizationDetail,
  type CredentialType,
  type Ended,
  type Grant,
  type GrantStatus,
  type RequiredReview,
  type Review,
} from './grant.js'

/**
 * The form in which a grant rests in a store: a MAC and a compact JSON array (invariant 8). The MAC's key is outside the
 * store, so a grant, a review or an end that somebody makes up there is worth nothing. Positions in place of names
 * keep a grant under the size that the store is planned for.
 */
export interface GrantSeal {
  /** This broker: part of the terms, not of what rests in the store. */
  readonly issuer: string
  readonly mac: TextMac
}

const FORM = '1'
const STATUSES: readonly GrantStatus[] = ['pending', 'active', 'denied', 'withdrawn', 'expired', 'completed', 'revoked']
const TYPES: readonly CredentialType[] = ['jwt', 'x509']
const REASONS: readonly Ended['reason'][] = ['completed', 'revoked', 'expired', 'denied', 'withdrawn']

type PackedReview = [
  by: string,
  samePerson: string | 0,
  group: string,
  decision: 0 | 1,
  reason: string,
  at: EpochSeconds,
  authTime: EpochSeconds,
  digest: string | 0,
  unseparated: 0 | 1,
  linked: string | 0,
  signature: Record<string, unknown> | 0,
]

type Packed = [
  tier: string,
  delegate: [issuer: string, subject: string, claims: Record<string, string>],
  sealed: Record<string, string>,
  task: [description: string, reference: string, maxTasks: number],
  access: [audience: string, scope: string, details: AuthorizationDetail[]][],
  credential: [types: number[], maxTtl: number, binding: number, names: [string | 0, string[]] | 0],
  delegation: [to: string[], maxDepth: number, maxChildren: number],
  purpose: string,
  requestedBy: [kind: 0 | 1, id: string, samePerson: string | 0],
  owner: string,
  decideBy: EpochSeconds,
  durationSeconds: number,
  requiredReviews: [group: string, count: number][],
  status: number,
  createdAt: EpochSeconds,
  expiresAt: EpochSeconds,
  startedBy: [source: string, id: string | 0] | 0,
  reviews: PackedReview[],
  ended: [reason: number, at: EpochSeconds, by: string] | 0,
  askedAs: string | 0,
]

const seconds = (time: string): EpochSeconds => {
  const at = parseTime(time)
  if (at === undefined) throw new TypeError('a time of a grant is not RFC 3339 in whole seconds')
  return at
}

export function sealGrant(grant: Grant, seal: GrantSeal): string {
  const body = JSON.stringify(pack(grant))
  return `${FORM}${seal.mac.make(`${grant.terms.id}\n${body}`)}.${body}`
}

/** @throws Fault `record_tampered` when the MAC does not verify: the record was not written by this broker for this id. */
export function openGrant(id: GrantId, document: string, seal: GrantSeal): Grant {
  const dot = document.indexOf('.')
  const body = document.slice(dot + 1)
  const genuine = document.startsWith(FORM) && dot > 0 && seal.mac.check(`${id}\n${body}`, document.slice(1, dot))
  if (!genuine) throw new Fault('record_tampered', `the record of grant ${id} does not verify`)
  return unpack(id, JSON.parse(body) as Packed, seal.issuer)
}

function pack(grant: Grant): Packed {
  const { terms } = grant
  const digest = grant.reviews.length === 0 ? '' : digestOf(terms)
  return [
    terms.tier,
    [terms.delegate.issuer, terms.delegate.subject, { ...terms.delegate.claims }],
    { ...terms.sealed },
    [terms.task.description, terms.task.reference, terms.task.max_tasks],
    terms.access.map((access) => [access.audience, access.scope, [...access.authorization_details]]),
    [
      terms.credential.types.map((type) => TYPES.indexOf(type)),
      terms.credential.max_ttl_seconds,
      BINDINGS.indexOf(terms.credential.binding),
      terms.credential.names === undefined
        ? 0
        : [terms.credential.names.common_name ?? 0, [...terms.credential.names.dns]],
    ],
    [[...terms.delegation.to], terms.delegation.max_depth, terms.delegation.max_children],
    terms.purpose,
    [terms.requested_by.kind === 'person' ? 1 : 0, terms.requested_by.id, grant.requesterSamePerson ?? 0],
    terms.owner,
    seconds(terms.decide_by),
    terms.duration_seconds,
    terms.required_reviews.map(({ group, count }) => [group, count]),
    STATUSES.indexOf(grant.status),
    grant.createdAt,
    grant.expiresAt ?? 0,
    packStartedBy(grant),
    grant.reviews.map((review) => packReview(review, digest)),
    grant.ended === undefined ? 0 : [REASONS.indexOf(grant.ended.reason), seconds(grant.ended.at), grant.ended.by],
    grant.askedAs ?? 0,
  ]
}

function packStartedBy({ startedBy }: Grant): Packed[16] {
  if (startedBy === undefined) return 0
  return [startedBy.source, startedBy.id ?? 0]
}

const packReview = (review: Review, digest: string): PackedReview => [
  review.by,
  review.same_person === review.by ? 0 : review.same_person,
  review.group,
  review.decision === 'approve' ? 1 : 0,
  review.reason,
  seconds(review.at),
  review.auth_time,
  review.digest === digest ? 0 : review.digest,
  review.unseparated === true ? 1 : 0,
  review.linked ?? 0,
  review.signature === undefined ? 0 : { ...review.signature },
]

function unpack(id: GrantId, packed: Packed, issuer: string): Grant {
  const [tier, delegate, sealed, task, access, credential, delegation, purpose, requestedBy, owner] = packed
  const [, , , , , , , , , , decideBy, durationSeconds, required, status, createdAt, expiresAt] = packed
  const [, , , , , , , , , , , , , , , , startedBy, reviews, ended, askedAs] = packed
  const terms = {
    v: 1 as const,
    issuer,
    id,
    tier,
    delegate: { issuer: delegate[0], subject: delegate[1], claims: delegate[2] },
    sealed,
    task: { description: task[0], reference: task[1], max_tasks: task[2] },
    access: access.map(([audience, scope, details]): Access => ({ audience, scope, authorization_details: details })),
    credential: unpackCredential(credential),
    delegation: { to: delegation[0], max_depth: delegation[1], max_children: delegation[2] },
    purpose,
    requested_by: { kind: requestedBy[0] === 1 ? ('person' as const) : ('workload' as const), id: requestedBy[1] },
    owner,
    decide_by: formatTime(decideBy),
    duration_seconds: durationSeconds,
    required_reviews: required.map(([group, count]): RequiredReview => ({ group, count })),
  }
  const digest = reviews.length === 0 ? '' : digestOf(terms)
  return {
    terms,
    status: at(STATUSES, status),
    createdAt,
    reviews: reviews.map((review) => unpackReview(review, digest)),
    ...(expiresAt === 0 ? {} : { expiresAt }),
    ...(startedBy === 0
      ? {}
      : { startedBy: { source: startedBy[0], ...(startedBy[1] === 0 ? {} : { id: startedBy[1] }) } }),
    ...(requestedBy[2] === 0 ? {} : { requesterSamePerson: requestedBy[2] }),
    ...(askedAs === 0 ? {} : { askedAs }),
    ...(ended === 0 ? {} : { ended: { reason: at(REASONS, ended[0]), at: formatTime(ended[1]), by: ended[2] } }),
  }
}

function unpackCredential([types, maxTtl, binding, names]: Packed[5]): Grant['terms']['credential'] {
  return {
    types: types.map((type) => at(TYPES, type)),
    max_ttl_seconds: maxTtl,
    binding: at(BINDINGS, binding),
    ...(names === 0 ? {} : { names: { ...(names[0] === 0 ? {} : { common_name: names[0] }), dns: names[1] } }),
  }
}

function unpackReview(packed: PackedReview, digest: string): Review {
  const [by, samePerson, group, decision, reason, reviewedAt, authTime, ownDigest, unseparated, linked, signature] =
    packed
  return {
    by,
    same_person: samePerson === 0 ? by : samePerson,
    group,
    decision: decision === 1 ? 'approve' : 'deny',
    reason,
    at: formatTime(reviewedAt),
    auth_time: authTime,
    digest: ownDigest === 0 ? digest : ownDigest,
    ...(unseparated === 1 ? { unseparated: true as const } : {}),
    ...(linked === 0 ? {} : { linked }),
    ...(signature === 0 ? {} : { signature }),
  }
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index]
  if (value === undefined) throw new Fault('record_tampered', 'a grant record has an unknown value')
  return value
}
