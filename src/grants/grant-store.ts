import type { EncodedEvent } from '../evidence/event.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { GrantId, Shard, TaskId } from '../runtime/ids.js'
import type { GrantStatus } from './grant.js'

/**
 * A grant as stores keep it. `document` is opaque to them: the sealed grant with its MAC
 * (`sealed-grant.ts`). What stores must decide on in an atomic step stands beside it; what a
 * store says of `status` never gives more than the document.
 */
export interface GrantRecord {
  readonly id: GrantId
  /** Grows by one with each revision. */
  readonly version: number
  readonly status: GrantStatus
  /** pending: `decide_by`; active: `expires_at`; ended: when the record is to be forgotten. */
  readonly deadline: EpochSeconds
  /** At most so many tasks, ever. */
  readonly maxTasks: number
  /** Tasks opened so far. Kept by the store alone: ignored when a record is passed in. */
  readonly tasks: number
  readonly document: string
  /** Where it is found again: the run it is sealed to, else the anchor (a standing window). */
  readonly index: GrantIndex
}

/** Keys are `sha256Base64url`. `run`: (source, anchor, sealed ids). `anchor`: (source, anchor). */
export type GrantIndex = { readonly run: string } | { readonly anchor: string }

/** One run and one errand of it. `errand`: (source, anchor, sealed ids, task name). */
export interface Whereabouts {
  readonly shard: Shard
  readonly anchor: string
  readonly run: string
  readonly errand: string
}

export interface Found {
  /** The run has ended: everything of it is refused from then on. */
  readonly runEnded: boolean
  /**
   * Changes whenever a grant is sealed to the run, or a task of it opens or ends. Passed back by whoever creates one.
   */
  readonly runVersion: number
  /** Grants with status `active`: those sealed to the run, and the standing ones of the anchor. */
  readonly grants: readonly GrantRecord[]
  /** Tasks of this very errand, under whichever grant, open and ended ones. */
  readonly tasks: readonly { readonly grantId: GrantId; readonly taskId: TaskId; readonly open: boolean }[]
}

/** A use of an assertion (or proof). Taken once; taken again by the same `binding` when that is not empty. */
export interface Claim {
  /** `sha256Base64url`, as all keys of records. */
  readonly key: string
  /** `reuse: once`: empty. `reuse: task`: what the first use bound it to. */
  readonly binding: string
  /** What it uses up is accepted until then at the latest, this second included: it is remembered longer. */
  readonly until: EpochSeconds
}

/** What a deferral code stands for. `request` is opaque to stores. */
export interface DeferralRecord {
  /** `sha256Base64url` of the code. */
  readonly hash: string
  readonly grantId: GrantId
  /** Who may poll it: hash over workload source, anchor, sealed ids and every key that the first request proved. */
  readonly holder: string
  /** The exchange to carry out on approval, as JSON. */
  readonly request: string
  readonly expiresAt: EpochSeconds
  /** The least time between two polls, seconds. */
  readonly interval: number
}

export interface GrantRequest {
  readonly record: GrantRecord
  readonly claims: readonly Claim[]
  readonly deferral?: DeferralRecord
  /** Requests with the same key join the one that is pending (the record must be pending then); absent: never joins. */
  readonly joinKey?: string
  /** At most so many pending grants for this anchor. */
  readonly anchorKey: string
  readonly pendingLimit: number
  readonly events: readonly EncodedEvent[]
  readonly now: EpochSeconds
}

export type GrantRequested =
  | { readonly kind: 'requested' }
  /** An equal request is pending: nothing was changed; `DeferralStore.join` adds a code to its grant. */
  | { readonly kind: 'equal_pending'; readonly grantId: GrantId }
  /** An equal request was denied a short time ago. */
  | { readonly kind: 'cooling_down'; readonly until: EpochSeconds }
  | { readonly kind: 'claim_taken' }
  | { readonly kind: 'run_ended' }
  | { readonly kind: 'too_many_pending' }

/** A change of one grant from one version to the next, all or nothing. */
export interface GrantRevision {
  readonly record: GrantRecord
  /** The version that the change was decided on. */
  readonly from: number
  /** A denied request cools down: equal ones are refused until then. */
  readonly coolDown?: { readonly joinKey: string; readonly until: EpochSeconds }
  /** A request that is no longer pending joins nobody. */
  readonly joinKey?: string
  readonly anchorKey: string
  readonly at: EpochSeconds
  readonly events: readonly EncodedEvent[]
}

/** A grant that a deadline has named, and what is recorded if its time has indeed passed. */
export interface Expiry {
  readonly id: GrantId
  readonly events: readonly EncodedEvent[]
}

export interface GrantList {
  readonly records: readonly GrantRecord[]
  /** Opaque; absent at the end. */
  readonly next?: string
}

export interface GrantStore {
  /** Everything that bears on an exchange by this run, in one consistent look. */
  find(where: Whereabouts): Promise<Found>
  read(id: GrantId): Promise<GrantRecord | undefined>
  /** Each grant that exists during the whole listing is listed exactly once. Newest or oldest first is not promised. */
  list(
    filter: { readonly status?: GrantStatus; readonly anchor?: { shard: Shard; key: string } },
    cursor: string | undefined,
    limit: number,
  ): Promise<GrantList>
  /**
   * All or nothing: claims are taken, the grant (pending, or active when asked
   * for by rule) is kept, its deferral and evidence recorded.
   */
  request(request: GrantRequest): Promise<GrantRequested>
  /**
   * All or nothing, and only from the version that was decided on. Ends are final: a record
   * whose status is an end never changes again (`conflict`).
   */
  revise(revision: GrantRevision): Promise<'revised' | 'conflict'>
  /**
   * Ends the grants of a shard whose time has passed: those that are kept as pending or active with a
   * deadline that is not after `now`, each with its events in one step; they are kept, as expired,
   * until `keptUntil`. Others are left alone. The document stays as it is: what it says has expired
   * by itself (`lifecycle.ts`). Answers which ones it ended.
   */
  expire(
    shard: Shard,
    expiries: readonly Expiry[],
    now: EpochSeconds,
    keptUntil: EpochSeconds,
  ): Promise<readonly GrantId[]>
  /** Forgets an ended grant whose deadline has passed; of one that is not there, the deadline. */
  forget(id: GrantId, now: EpochSeconds): Promise<void>
  /**
   * Reserves one of `limit` places among the pending grants of an approver group, or of
   * a requester, until the time given. Idempotent by grant.
   */
  reservePending(
    whose: string,
    id: GrantId,
    until: EpochSeconds,
    limit: number,
    now: EpochSeconds,
  ): Promise<'reserved' | 'full'>
  releasePending(whose: string, id: GrantId): Promise<void>
}
