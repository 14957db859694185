import type { EpochSeconds } from '../runtime/clock.js'
import type { CredentialId, EventId, GrantId, Shard, TaskId } from '../runtime/ids.js'

/** Which story an event belongs to. */
export const EVIDENCE_STREAMS = ['approval', 'issuance', 'use', 'revocation'] as const
export type EvidenceStream = (typeof EVIDENCE_STREAMS)[number]

export type EventType =
  | 'grant.requested'
  | 'grant.joined'
  | 'grant.activated'
  | 'grant.narrowed'
  | 'grant.denied'
  | 'grant.withdrawn'
  | 'grant.expired'
  | 'grant.completed'
  | 'grant.revoked'
  | 'review.recorded'
  | 'review.refused'
  | 'task.opened'
  | 'task.renewed'
  | 'task.completed'
  | 'task.abandoned'
  | 'credential.issued'
  | 'credential.voided'
  | 'credential.revoked'
  | 'ticket.issued'
  | 'ticket.revoked'
  | 'exchange.refused'
  | 'deferral.cancelled'
  | 'key.rotated'
  | 'authority.changed'

/** The evidence event, version 1, before the store gives it its `seq`. It will be hashed into a log: its shape lasts. */
export interface EventDraft {
  readonly v: 1
  readonly id: EventId
  /** RFC 3339. */
  readonly at: string
  readonly shard: Shard
  readonly stream: EvidenceStream
  readonly type: EventType
  readonly grant_id: GrantId | null
  readonly task_id: TaskId | null
  readonly credential_id: CredentialId | null
  readonly parent_id: CredentialId | null
  /** The SPIFFE `sub` of the workload. */
  readonly workload: string | null
  /** `<people name>:<sub>`, or `rule:<id>` where a rule decided. */
  readonly person: string | null
  readonly audience: string | null
  /** Digest of the policy in force: which rules were asked. */
  readonly policy_digest: string | null
  /** Facts of this type of event. Strings, safe integers, booleans, arrays, objects; hashes in place of secrets (invariant 10). */
  readonly data: Readonly<Record<string, unknown>>
}

/** As stored: `seq` has no gaps within a shard and is set in the atomic step that the event describes. */
export interface EvidenceEvent extends EventDraft {
  readonly seq: number
}

/** A draft whose JCS is ready but for the digits of `seq`: `before + seq + after` is the whole line. */
export interface EncodedEvent {
  readonly shard: Shard
  readonly before: string
  readonly after: string
}

export interface EventFilter {
  readonly stream?: EvidenceStream
  readonly grantId?: GrantId
  readonly taskId?: TaskId
  readonly workload?: string
  readonly person?: string
  readonly since?: EpochSeconds
}
