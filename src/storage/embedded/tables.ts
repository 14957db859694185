import type { IndexedCertificate } from '../../grants/certificate-store.js'
import type { Claim, DeferralRecord, GrantRecord } from '../../grants/grant-store.js'
import type { CredentialRecord, TaskRecord } from '../../grants/issuance-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import type { CredentialId, GrantId, TaskId } from '../../runtime/ids.js'
import type { Database } from './database.js'
import { Leases } from './leases.js'
import type { Codec, Table } from './table.js'

export interface GrantEntry {
  readonly record: GrantRecord
  readonly anchorKey: string
  /** While it is pending, equal requests join it. */
  readonly joinKey?: string
}

export interface RunEntry {
  /** Changes with every grant that becomes active for the run, and with every task of it that opens or ends. */
  readonly version: number
  readonly ended: boolean
  /** The active grants that are sealed to it. */
  readonly grants: readonly GrantId[]
}

export interface ErrandTask {
  readonly grantId: GrantId
  readonly taskId: TaskId
  readonly open: boolean
}

export interface CredentialEntry {
  readonly record: CredentialRecord
  readonly unsentAt: EpochSeconds
  readonly ended?: { readonly how: 'revoked' | 'voided'; readonly at: EpochSeconds }
}

export interface DeferralEntry {
  readonly record: DeferralRecord
  readonly state: 'open' | 'redeemed' | 'cancelled'
  readonly polledAtMs?: number
}

export interface KeyRing {
  readonly version: number
  readonly sealed: string
}

export interface EndEntry {
  readonly what: GrantId | TaskId | CredentialId
  readonly at: EpochSeconds
}

/** What is kept, by table. A change here changes docs/storage-schema.md. `id`: its 17 bytes; `shard`: one byte. */
export interface Tables {
  /** id → grant */
  readonly grants: Table<GrantEntry>
  /** status, id */
  readonly byStatus: Table<true>
  /** shard, anchor key, 0, id → status */
  readonly byAnchor: Table<GrantRecord['status']>
  /** shard, run. Kept for ever: an ended run refuses for ever. */
  readonly runs: Table<RunEntry>
  /** shard, anchor → active standing windows */
  readonly windows: Table<readonly GrantId[]>
  /** shard, errand → its tasks, under whichever grant */
  readonly errands: Table<readonly ErrandTask[]>
  /** id → task */
  readonly tasks: Table<TaskRecord>
  /** grant id, task id */
  readonly tasksOfGrant: Table<true>
  /** id → credential */
  readonly credentials: Table<CredentialEntry>
  /** grant id, task id, id → certificate */
  readonly certificates: Table<Omit<IndexedCertificate, 'id'>>
  /** id of a grant, a task or a credential that has certificates below it, or is one */
  readonly certified: Table<true>
  /** shard, position → what ended with certificates below it */
  readonly certificateEnds: Table<EndEntry>
  /** task id, holder → credentials handed on by it */
  readonly children: Table<number>
  /** shard, claim key */
  readonly claims: Table<Omit<Claim, 'key'>>
  /** shard, hash of the code */
  readonly deferrals: Table<DeferralEntry>
  /** grant id, hash of the code */
  readonly deferralsOfGrant: Table<true>
  /** shard, join key → the pending grant */
  readonly joins: Table<GrantId>
  /** shard, join key → until when */
  readonly coolDowns: Table<EpochSeconds>
  /** shard, anchor key → how many pending grants it has */
  readonly pendingCounts: Table<number>
  /** approver group, 0, grant id → until when */
  readonly reservations: Table<EpochSeconds>
  /** shard, time, kind, id */
  readonly due: Table<true>
  /** Which of these a sweeper has in hand: not kept. */
  readonly leases: Leases
  /** time, letter of a table, key there → more such keys: may be forgotten then */
  readonly forgettable: Table<readonly string[]>
  /** shard, seq → line */
  readonly events: Table<string>
  /** shard → the last seq */
  readonly heads: Table<number>
  /** Single numbers. `live`: how many grants are active; `ends` and a shard: the last position of its feed of ends. */
  readonly counters: Table<number>
  readonly keyRing: Table<KeyRing>
}

export function tablesOf(database: Database): Tables {
  return {
    grants: database.table('g', grantCodec),
    byStatus: database.table('s', present, { scanned: true }),
    byAnchor: database.table('a', json<GrantRecord['status']>(), { scanned: true }),
    runs: database.table('r', runCodec),
    windows: database.table('w', json<readonly GrantId[]>()),
    errands: database.table('e', json<readonly ErrandTask[]>()),
    tasks: database.table('t', taskCodec),
    tasksOfGrant: database.table('u', present, { scanned: true }),
    credentials: database.table('c', credentialCodec),
    certificates: database.table('b', certificateCodec, { scanned: true }),
    certified: database.table('l', present),
    certificateEnds: database.table('E', endCodec, { scanned: true }),
    children: database.table('h', json<number>(), { scanned: true }),
    claims: database.table('k', json<Omit<Claim, 'key'>>()),
    deferrals: database.table('f', json<DeferralEntry>()),
    deferralsOfGrant: database.table('v', present, { scanned: true }),
    joins: database.table('j', json<GrantId>()),
    coolDowns: database.table('z', json<EpochSeconds>()),
    pendingCounts: database.table('n', json<number>()),
    reservations: database.table('q', json<EpochSeconds>(), { scanned: true }),
    due: database.table('d', present, { scanned: true }),
    leases: new Leases(),
    forgettable: database.table('p', json<readonly string[]>(), { scanned: true }),
    events: database.table('x', { encode: (line) => line, decode: (text) => text }, { scanned: true }),
    heads: database.table('y', json<number>()),
    counters: database.table('m', json<number>()),
    keyRing: database.table('i', json<KeyRing>()),
  }
}

/** The key is all there is. */
const present: Codec<true> = { encode: () => '1', decode: () => true }

const json = <T>(): Codec<T> => ({ encode: (value) => JSON.stringify(value), decode: (text) => JSON.parse(text) as T })

/** Documents are long and JSON already: they follow the rest as they are, after the line feed that JSON never has. */
function headAndDocument<T, Head extends readonly unknown[]>(
  split: (value: T) => { head: Head; document: string },
  join: (head: Head, document: string) => T,
): Codec<T> {
  return {
    encode(value) {
      const { head, document } = split(value)
      return `${JSON.stringify(head)}\n${document}`
    },
    decode(text) {
      const at = text.indexOf('\n')
      return join(JSON.parse(text.slice(0, at)) as Head, text.slice(at + 1))
    },
  }
}

type GrantHead = readonly [
  id: GrantId,
  version: number,
  status: GrantRecord['status'],
  deadline: EpochSeconds,
  maxTasks: number,
  tasks: number,
  index: GrantRecord['index'],
  anchorKey: string,
  joinKey?: string,
]

const grantCodec = headAndDocument<GrantEntry, GrantHead>(
  ({ record: { id, version, status, deadline, maxTasks, tasks, index, document }, anchorKey, joinKey }) => {
    const head = [id, version, status, deadline, maxTasks, tasks, index, anchorKey] as const
    return { head: joinKey === undefined ? head : [...head, joinKey], document }
  },
  ([id, version, status, deadline, maxTasks, tasks, index, anchorKey, joinKey], document) => {
    const record = { id, version, status, deadline, maxTasks, tasks, document, index }
    return joinKey === undefined ? { record, anchorKey } : { record, anchorKey, joinKey }
  },
)

type TaskHead = readonly [
  id: TaskId,
  grantId: GrantId,
  state: TaskRecord['state'],
  openedAt: EpochSeconds,
  leaseUntil: EpochSeconds,
  endsRun: boolean,
  run: string,
  errand: string,
]

const taskCodec = headAndDocument<TaskRecord, TaskHead>(
  ({ id, grantId, state, openedAt, leaseUntil, endsRun, run, errand, document }) => ({
    head: [id, grantId, state, openedAt, leaseUntil, endsRun, run, errand],
    document,
  }),
  ([id, grantId, state, openedAt, leaseUntil, endsRun, run, errand], document) => ({
    id,
    grantId,
    state,
    openedAt,
    leaseUntil,
    endsRun,
    run,
    errand,
    document,
  }),
)

type CredentialHead = readonly [
  id: CredentialRecord['id'],
  grantId: GrantId,
  taskId: TaskId,
  ancestors: CredentialRecord['ancestors'],
  expiresAt: EpochSeconds,
  unsentAt: EpochSeconds,
  ended?: CredentialEntry['ended'] | null,
  authority?: string,
]

const credentialCodec = headAndDocument<CredentialEntry, CredentialHead>(
  ({ record: { id, grantId, taskId, ancestors, expiresAt, document, certificate }, unsentAt, ended }) => {
    const head = [id, grantId, taskId, ancestors, expiresAt, unsentAt] as const
    if (certificate) return { head: [...head, ended ?? null, certificate.authority], document }
    return { head: ended === undefined ? head : [...head, ended], document }
  },
  ([id, grantId, taskId, ancestors, expiresAt, unsentAt, ended, authority], document) => {
    const bare = { id, grantId, taskId, ancestors, expiresAt, document }
    const record = authority === undefined ? bare : { ...bare, certificate: { authority } }
    return ended ? { record, unsentAt, ended } : { record, unsentAt }
  },
)

const certificateCodec: Codec<Omit<IndexedCertificate, 'id'>> = {
  encode: ({ authority, expiresAt, ancestors }) => JSON.stringify([authority, expiresAt, ...ancestors]),
  decode(text) {
    const [authority, expiresAt, ...ancestors] = JSON.parse(text) as [string, EpochSeconds, ...CredentialId[]]
    return { authority, expiresAt, ancestors }
  },
}

const endCodec: Codec<EndEntry> = {
  encode: ({ what, at }) => JSON.stringify([what, at]),
  decode(text) {
    const [what, at] = JSON.parse(text) as [EndEntry['what'], EpochSeconds]
    return { what, at }
  },
}

const runCodec: Codec<RunEntry> = {
  encode: ({ version, ended, grants }) => JSON.stringify([version, ended, grants]),
  decode(text) {
    const [version, ended, grants] = JSON.parse(text) as [number, boolean, GrantId[]]
    return { version, ended, grants }
  },
}
