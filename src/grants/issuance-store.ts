import type { EncodedEvent } from '../evidence/event.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { CredentialId, GrantId, Shard, TaskId } from '../runtime/ids.js'
import type { Claim, GrantRecord, Whereabouts } from './grant-store.js'

/** A credential as stores keep it. `document` is opaque JSON: what introspection answers. */
export interface CredentialRecord {
  readonly id: CredentialId
  readonly grantId: GrantId
  readonly taskId: TaskId
  /** The credentials it was handed on from, outermost root first; empty for a root's. */
  readonly ancestors: readonly CredentialId[]
  readonly expiresAt: EpochSeconds
  readonly document: string
  /** A certificate, and the authority that is to sign it: it is indexed by its task (`certificate-store.ts`). */
  readonly certificate?: { readonly authority: string }
}

export interface TaskRecord {
  readonly id: TaskId
  readonly grantId: GrantId
  readonly state: 'open' | 'completed' | 'abandoned' | 'revoked'
  readonly openedAt: EpochSeconds
  readonly leaseUntil: EpochSeconds
  /** Ends the run when it ends: it was opened without `task`, and its source has run ids. */
  readonly endsRun: boolean
  readonly run: string
  readonly errand: string
  /** Opaque JSON for reading: workload, task name. */
  readonly document: string
}

/** One credential to record, and all that must hold for it. */
export interface Issuance {
  readonly where: Whereabouts
  readonly claims: readonly Claim[]
  /** Under a grant that exists: the version that was decided on. */
  readonly grant: { readonly id: GrantId; readonly version: number } | { readonly create: GrantRecord }
  /** `open`: none is there yet, `runVersion` is what `find` said. Otherwise the one that is open. */
  readonly task:
    { readonly open: TaskRecord; readonly runVersion: number } | { readonly renew: TaskId; readonly errand: string }
  readonly leaseUntil: EpochSeconds
  readonly credential: CredentialRecord
  /** For a credential that is handed on: the ticket, used up by this; and the cap on children of its holder within the task. */
  readonly handedOn?: { readonly ticket: Claim; readonly holder: string; readonly maxChildren: number }
  /** Redeems this deferral code. */
  readonly deferral?: string
  /** When a credential counts as never sent, unless `confirm` comes first. */
  readonly unsentAt: EpochSeconds
  readonly events: readonly EncodedEvent[]
  readonly now: EpochSeconds
}

export type Recorded =
  | 'recorded'
  /** The run, the grant or the task is not as it was decided on any more: look again and decide again. */
  | 'conflict'
  | 'claim_taken'
  | 'run_ended'
  | 'grant_ended'
  | 'task_ended'
  | 'parent_ended'
  | 'over_tasks'
  | 'over_children'
  | 'ticket_used'
  | 'deferral_closed'

/** How a credential stands: it lives only while its grant is active, its task open, it and all its ancestors not ended, and time has not run out. */
export interface CredentialStanding {
  readonly credential: CredentialRecord
  readonly live: boolean
  readonly grant: GrantRecord
  readonly task: TaskRecord
}

export interface IssuanceStore {
  /**
   * All or nothing: every claim is taken, the run has not ended, the grant is active at the version given and before its
   * deadline, caps hold, all ancestors live; then grant (if new), task, credential, lease and evidence are kept.
   * After an end is acknowledged this never answers `recorded` under what ended. Repeating it with the same credential id changes nothing.
   */
  record(issuance: Issuance): Promise<Recorded>
  /** These were sent. Best effort: those that are never confirmed are voided when `unsentAt` has passed. */
  confirm(ids: readonly CredentialId[]): Promise<void>
  /** Claims a use that goes with no record in the same shard (an actor's assertion, a proof), under the same rule as `record`, which sees it when given the same shard. */
  claim(shard: Shard, claim: Claim, now: EpochSeconds): Promise<'claimed' | 'taken'>
  look(id: CredentialId, now: EpochSeconds): Promise<CredentialStanding | undefined>
  /**
   * Ends a credential and so everything handed on from it. Final; ending it again changes nothing and adds no evidence.
   * `voided` is for what was never sent: once it is confirmed, that is `already` settled.
   */
  endCredential(
    id: CredentialId,
    how: 'revoked' | 'voided',
    at: EpochSeconds,
    events: readonly EncodedEvent[],
  ): Promise<'ended' | 'already' | 'unknown'>
}
