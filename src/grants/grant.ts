import type { EpochSeconds } from '../runtime/clock.js'
import type { GrantId } from '../runtime/ids.js'

/**
 * What was approved: which workload, which task, which access, for how long. Names are the wire's (contract §1, "A grant"),
 * because the terms are hashed, signed and shown exactly as they stand.
 */
export type GrantStatus = 'pending' | 'active' | 'denied' | 'withdrawn' | 'expired' | 'completed' | 'revoked'
export type CredentialType = 'jwt' | 'x509'

/** In the order in which records number them (`sealed-grant.ts`). */
export const BINDINGS = ['none', 'dpop', 'mtls', 'any'] as const
export type Binding = (typeof BINDINGS)[number]

/** A value of RFC 9396: `type` and members of that type. Plain JSON. */
export interface AuthorizationDetail {
  readonly type: string
  readonly [member: string]: unknown
}

export interface Access {
  readonly audience: string
  /** Space-separated, sorted, without repeats; empty when only details are asked for. */
  readonly scope: string
  readonly authorization_details: readonly AuthorizationDetail[]
}

export interface Delegate {
  readonly issuer: string
  /** A pattern: `*` is any characters, `\` quotes. */
  readonly subject: string
  /** Claim name or JSON Pointer to a pattern; the anchor claim is always exact. */
  readonly claims: Readonly<Record<string, string>>
}

export interface TaskTerms {
  readonly description: string
  readonly reference: string
  readonly max_tasks: number
}

export interface CredentialTerms {
  readonly types: readonly CredentialType[]
  readonly max_ttl_seconds: number
  readonly binding: Binding
  /** What each certificate carries beside the SPIFFE id: exactly these. Absent where there are none. */
  readonly names?: CertificateNames
}

export interface CertificateNames {
  readonly common_name?: string
  /** Sorted, without repeats. */
  readonly dns: readonly string[]
}

export interface DelegationTerms {
  /** SPIFFE `sub`s that may be handed to; empty means nobody. */
  readonly to: readonly string[]
  readonly max_depth: number
  readonly max_children: number
}

export interface Requester {
  readonly kind: 'workload' | 'person'
  readonly id: string
}

export interface RequiredReview {
  readonly group: string
  readonly count: number
}

/** The terms are what people approve and what the digest covers (contract §1, "Digest"). */
export interface Terms {
  readonly v: 1
  /** This broker. */
  readonly issuer: string
  readonly id: GrantId
  readonly tier: string
  readonly delegate: Delegate
  /** The ids of the one run it is for; empty for a standing window. */
  readonly sealed: Readonly<Record<string, string>>
  readonly task: TaskTerms
  readonly access: readonly Access[]
  readonly credential: CredentialTerms
  readonly delegation: DelegationTerms
  readonly purpose: string
  readonly requested_by: Requester
  readonly owner: string
  readonly decide_by: string
  readonly duration_seconds: number
  readonly required_reviews: readonly RequiredReview[]
}

export interface Review {
  /** `<people name>:<sub>`, or `rule:<id>`. */
  readonly by: string
  /** One human over all accounts (`same_person`); equals `by` where accounts are not joined. Not shown on the wire. */
  readonly same_person: string
  readonly group: string
  readonly decision: 'approve' | 'deny'
  readonly reason: string
  /** RFC 3339. */
  readonly at: string
  /** The digest of the terms that were reviewed. */
  readonly digest: string
  /** `auth_time` of the reviewer, for `fresh`. */
  readonly auth_time: EpochSeconds
  readonly signature?: Readonly<Record<string, unknown>>
  /** `separation: best_effort` let something through that it could not tell. */
  readonly unseparated?: true
  /** Who the reviewer is at the workload's source (`links`): never the one who starts a run. Not shown on the wire. */
  readonly linked?: string
}

export interface Ended {
  readonly reason: 'completed' | 'revoked' | 'expired' | 'denied' | 'withdrawn'
  readonly at: string
  /** Person, workload, or `errand` for deadlines. */
  readonly by: string
}

export interface Grant {
  readonly terms: Terms
  readonly status: GrantStatus
  readonly createdAt: EpochSeconds
  /** Set at activation. */
  readonly expiresAt?: EpochSeconds
  /** Who started the run that asked: never an approver (`separation`). Without `id`: the source names people, but not for this run. */
  readonly startedBy?: { readonly source: string; readonly id?: string }
  /** `same_person` of a person who asked. */
  readonly requesterSamePerson?: string
  readonly reviews: readonly Review[]
  /** `joinKeyOf` what was asked for, where the terms do not tell it: a key was proved with it, or a reviewer has narrowed them since. */
  readonly askedAs?: string
  readonly ended?: Ended
}
