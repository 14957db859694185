import { encodeEvent } from '../../src/evidence/encode-event.js'
import type { EncodedEvent, EventDraft, EventType } from '../../src/evidence/event.js'
import type {
  Claim,
  DeferralRecord,
  GrantRecord,
  GrantRequest,
  GrantRevision,
  Whereabouts,
} from '../../src/grants/grant-store.js'
import type { CredentialRecord, Issuance, TaskRecord } from '../../src/grants/issuance-store.js'
import { type EpochSeconds, formatTime } from '../../src/runtime/clock.js'
import { sha256Base64url } from '../../src/runtime/digest.js'
import { type Ids, randomIds, type Shard } from '../../src/runtime/ids.js'
import { TEST_EPOCH } from './clock.js'

let counter = 0

/** A key that no other call gives: `sha256Base64url`, as the ports say. */
export const uniqueKey = (hint = 'key'): string => sha256Base64url(`${hint} ${(counter += 1)} ${randomIds.ticketId(0)}`)

export function anEvent(
  shard: Shard,
  type: EventType = 'grant.requested',
  data: Record<string, unknown> = {},
): EncodedEvent {
  const draft: EventDraft = {
    v: 1,
    id: randomIds.eventId(shard),
    at: formatTime(TEST_EPOCH),
    shard,
    stream: 'approval',
    type,
    grant_id: null,
    task_id: null,
    credential_id: null,
    parent_id: null,
    workload: null,
    person: null,
    audience: null,
    policy_digest: null,
    data,
  }
  return encodeEvent(draft)
}

export const aClaim = (changes: Partial<Claim> = {}): Claim => ({
  key: uniqueKey('claim'),
  binding: '',
  until: TEST_EPOCH + 30 * 86_400,
  ...changes,
})

/**
 * One workload (so one shard and one anchor) and its records. Every builder gives a complete, valid record;
 * what a test is about is passed as a change.
 */
export class Workshop {
  readonly shard: Shard
  readonly anchor = uniqueKey('anchor')
  readonly where: Whereabouts
  readonly #ids: Ids

  constructor(shard: Shard = Math.trunc(((counter += 1) * 7) % 64), ids: Ids = randomIds) {
    this.shard = shard
    this.#ids = ids
    this.where = this.run()
  }

  /** Another run of the same workload; or another errand of the run given. */
  run(run: string = uniqueKey('run')): Whereabouts {
    return { shard: this.shard, anchor: this.anchor, run, errand: uniqueKey('errand') }
  }

  event(type: EventType = 'grant.requested', data: Record<string, unknown> = {}): EncodedEvent {
    return anEvent(this.shard, type, data)
  }

  grant(changes: Partial<GrantRecord> = {}): GrantRecord {
    return {
      id: this.#ids.grantId(this.shard),
      version: 1,
      status: 'active',
      deadline: TEST_EPOCH + 3600,
      maxTasks: 1,
      tasks: 0,
      document: '{"sealed":"grant"}',
      index: { run: this.where.run },
      ...changes,
    }
  }

  request(record: GrantRecord, changes: Partial<GrantRequest> = {}): GrantRequest {
    return {
      record,
      claims: [],
      anchorKey: this.anchor,
      pendingLimit: 100,
      events: [this.event('grant.requested')],
      now: TEST_EPOCH,
      ...changes,
    }
  }

  /** From the record's version to the next. */
  revision(record: GrantRecord, changes: Partial<GrantRecord> = {}, rest: Partial<GrantRevision> = {}): GrantRevision {
    return {
      record: { ...record, version: record.version + 1, ...changes },
      from: record.version,
      anchorKey: this.anchor,
      at: TEST_EPOCH,
      events: [this.event('review.recorded')],
      ...rest,
    }
  }

  deferral(record: GrantRecord, changes: Partial<DeferralRecord> = {}): DeferralRecord {
    return {
      hash: uniqueKey('code'),
      grantId: record.id,
      holder: uniqueKey('holder'),
      request: '{"scope":"deploy"}',
      expiresAt: TEST_EPOCH + 3600,
      interval: 5,
      ...changes,
    }
  }

  task(record: GrantRecord, where: Whereabouts = this.where, changes: Partial<TaskRecord> = {}): TaskRecord {
    return {
      id: this.#ids.taskId(this.shard),
      grantId: record.id,
      state: 'open',
      openedAt: TEST_EPOCH,
      leaseUntil: TEST_EPOCH + 900,
      endsRun: false,
      run: where.run,
      errand: where.errand,
      document: '{"task":"deploy"}',
      ...changes,
    }
  }

  credential(task: TaskRecord, changes: Partial<CredentialRecord> = {}): CredentialRecord {
    return {
      id: this.#ids.credentialId(this.shard),
      grantId: task.grantId,
      taskId: task.id,
      ancestors: [],
      expiresAt: TEST_EPOCH + 600,
      document: '{"scope":"deploy"}',
      ...changes,
    }
  }

  /** Opens the task under a grant that exists. */
  opening(grant: GrantRecord, task: TaskRecord, runVersion: number, changes: Partial<Issuance> = {}): Issuance {
    return this.#issuance(task, {
      grant: { id: grant.id, version: grant.version },
      task: { open: task, runVersion },
      ...changes,
    })
  }

  /** Opens the task under a grant that is made by this very step. */
  creating(grant: GrantRecord, task: TaskRecord, runVersion: number, changes: Partial<Issuance> = {}): Issuance {
    return this.#issuance(task, { grant: { create: grant }, task: { open: task, runVersion }, ...changes })
  }

  /** One more credential of an open task. */
  renewing(grant: GrantRecord, task: TaskRecord, changes: Partial<Issuance> = {}): Issuance {
    return this.#issuance(task, {
      grant: { id: grant.id, version: grant.version },
      task: { renew: task.id, errand: task.errand },
      ...changes,
    })
  }

  #issuance(task: TaskRecord, rest: Pick<Issuance, 'grant' | 'task'> & Partial<Issuance>): Issuance {
    return {
      where: { shard: this.shard, anchor: this.anchor, run: task.run, errand: task.errand },
      claims: [],
      leaseUntil: task.leaseUntil,
      credential: this.credential(task),
      unsentAt: TEST_EPOCH + 60,
      events: [this.event('credential.issued')],
      now: TEST_EPOCH,
      ...rest,
    }
  }
}

/** How an active grant of one task and its first credential come to be. */
export type Opened = { readonly grant: GrantRecord; readonly task: TaskRecord; readonly credential: CredentialRecord }

export const inSeconds = (seconds: number): EpochSeconds => TEST_EPOCH + seconds
