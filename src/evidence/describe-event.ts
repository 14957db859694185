import { formatTime, type EpochSeconds } from '../runtime/clock.js'
import type { CredentialId, GrantId, Ids, Shard, TaskId } from '../runtime/ids.js'
import { encodeEvent } from './encode-event.js'
import type { EncodedEvent, EventType, EvidenceStream } from './event.js'

/**
 * evidence/ says what happened, so that it can be proved later without trusting the broker. Each state change appends
 * its event in the same atomic step of the store; a refusal of a verified caller is an event too. Never a token, a key
 * or a code: ids and hashes (invariant 10).
 */
const STREAM: Readonly<Record<EventType, EvidenceStream>> = {
  'grant.requested': 'approval',
  'grant.joined': 'approval',
  'grant.activated': 'approval',
  'grant.narrowed': 'approval',
  'grant.denied': 'approval',
  'grant.withdrawn': 'approval',
  'grant.expired': 'revocation',
  'grant.completed': 'revocation',
  'grant.revoked': 'revocation',
  'review.recorded': 'approval',
  'review.refused': 'approval',
  'task.opened': 'issuance',
  'task.renewed': 'use',
  'task.completed': 'revocation',
  'task.abandoned': 'revocation',
  'credential.issued': 'issuance',
  'credential.voided': 'revocation',
  'credential.revoked': 'revocation',
  'ticket.issued': 'issuance',
  'ticket.revoked': 'revocation',
  'exchange.refused': 'issuance',
  'deferral.cancelled': 'approval',
  'key.rotated': 'issuance',
  'authority.changed': 'issuance',
}

/** What an event is about; what is left out is null in it. */
export interface EventSubject {
  readonly grantId?: GrantId
  readonly taskId?: TaskId
  readonly credentialId?: CredentialId
  readonly parentId?: CredentialId
  readonly workload?: string
  readonly person?: string
  readonly audience?: string
}

export type DescribeEvent = (
  shard: Shard,
  type: EventType,
  at: EpochSeconds,
  subject: EventSubject,
  data?: Readonly<Record<string, unknown>>,
) => EncodedEvent

/** `policyDigest`: which rules are in force; it stands in every event. `null` for what no rule decides: keys. */
export const describeEvents =
  ({
    ids,
    policyDigest,
  }: {
    readonly ids: Pick<Ids, 'eventId'>
    readonly policyDigest: string | null
  }): DescribeEvent =>
  (shard, type, at, subject, data = {}) =>
    encodeEvent({
      v: 1,
      id: ids.eventId(shard),
      at: formatTime(at),
      shard,
      stream: STREAM[type],
      type,
      grant_id: subject.grantId ?? null,
      task_id: subject.taskId ?? null,
      credential_id: subject.credentialId ?? null,
      parent_id: subject.parentId ?? null,
      workload: subject.workload ?? null,
      person: subject.person ?? null,
      audience: subject.audience ?? null,
      policy_digest: policyDigest,
      data,
    })
