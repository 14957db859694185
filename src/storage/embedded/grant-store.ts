import type {
  Expiry,
  Found,
  GrantList,
  GrantRecord,
  GrantRequest,
  GrantRequested,
  GrantRevision,
  GrantStore,
  Whereabouts,
} from '../../grants/grant-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type GrantId, type Shard, shardOf } from '../../runtime/ids.js'
import { tellEnd } from './certificates.js'
import { isTaken, takeAll } from './claims.js'
import type { Database } from './database.js'
import { moveDeadline } from './deadlines.js'
import { deferralKeys, keepDeferral } from './deferrals.js'
import { appendEvents } from './events.js'
import { anchorPrefix, expire, hasEnded, keepGrant, revisable, revise, runEntry, statusPrefix } from './grants.js'
import { beginningWith, besideId, hexAt, idKey, inShard, textKey } from './keys.js'
import type { Tables } from './tables.js'

export class EmbeddedGrantStore implements GrantStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  find(where: Whereabouts): Promise<Found> {
    return this.database.look(() => find(this.tables, where))
  }

  read(id: GrantId): Promise<GrantRecord | undefined> {
    return this.database.look(() => this.tables.grants.get(idKey(id))?.record)
  }

  list(
    filter: { readonly status?: GrantRecord['status']; readonly anchor?: { shard: Shard; key: string } },
    cursor: string | undefined,
    limit: number,
  ): Promise<GrantList> {
    return this.database.look(() => list(this.tables, filter, cursor, limit))
  }

  request(request: GrantRequest): Promise<GrantRequested> {
    return this.database.step(() => requestGrant(this.tables, request))
  }

  revise(revision: GrantRevision): Promise<'revised' | 'conflict'> {
    return this.database.step(() => {
      const before = revisable(this.tables, revision)
      if (!before) return 'conflict'
      revise(this.tables, before, revision)
      if (hasEnded(revision.record)) tellEnd(this.tables, revision.at, revision.record.id)
      return 'revised'
    })
  }

  expire(
    _shard: Shard,
    expiries: readonly Expiry[],
    now: EpochSeconds,
    keptUntil: EpochSeconds,
  ): Promise<readonly GrantId[]> {
    return this.database.step(() =>
      expiries.filter((expiry) => expire(this.tables, expiry, now, keptUntil)).map(({ id }) => id),
    )
  }

  forget(id: GrantId, now: EpochSeconds): Promise<void> {
    return this.database.step(() => {
      forgetGrant(this.tables, id, now)
    })
  }

  reservePending(
    whose: string,
    id: GrantId,
    until: EpochSeconds,
    limit: number,
    now: EpochSeconds,
  ): Promise<'reserved' | 'full'> {
    return this.database.step(() => {
      const { reservations } = this.tables
      const prefix = placesPrefix(whose)
      const places = [...reservations.scan(beginningWith(prefix))]
      const taken = places.filter(({ key, value }) => value > now && key !== prefix + idKey(id))
      const again = places.some(({ key, value }) => value > now && key === prefix + idKey(id))
      if (!again && taken.length >= limit) return 'full'
      for (const { key, value } of places) if (value <= now) reservations.remove(key)
      reservations.put(prefix + idKey(id), until)
      return 'reserved'
    })
  }

  releasePending(whose: string, id: GrantId): Promise<void> {
    return this.database.step(() => {
      this.tables.reservations.remove(placesPrefix(whose) + idKey(id))
    })
  }
}

const placesPrefix = (whose: string): string => `${textKey(whose)}\0`

function find(tables: Tables, { shard, anchor, run, errand }: Whereabouts): Found {
  const { version, ended, grants } = runEntry(tables, shard, run)
  const windows = tables.windows.get(inShard(shard, anchor)) ?? []
  return {
    runEnded: ended,
    runVersion: version,
    grants: [...grants, ...windows].flatMap((id) => tables.grants.get(idKey(id))?.record ?? []),
    tasks: tables.errands.get(inShard(shard, errand)) ?? [],
  }
}

function requestGrant(tables: Tables, request: GrantRequest): GrantRequested {
  const { record, claims, joinKey, anchorKey, deferral } = request
  const shard = shardOf(record.id)
  if ('run' in record.index && runEntry(tables, shard, record.index.run).ended) return { kind: 'run_ended' }
  if (claims.some((claim) => isTaken(tables, shard, claim))) return { kind: 'claim_taken' }
  const obstacle = record.status === 'pending' ? obstacleToPending(tables, request) : undefined
  if (obstacle) return obstacle
  takeAll(tables, shard, claims)
  const fresh = { ...record, tasks: 0 }
  keepGrant(
    tables,
    undefined,
    joinKey === undefined ? { record: fresh, anchorKey } : { record: fresh, anchorKey, joinKey },
  )
  if (deferral) keepDeferral(tables, deferral)
  appendEvents(tables, request.events)
  return { kind: 'requested' }
}

function obstacleToPending(tables: Tables, request: GrantRequest): GrantRequested | undefined {
  const { record, joinKey, anchorKey, pendingLimit, now } = request
  if (joinKey !== undefined) {
    const grantId = tables.joins.get(besideId(record.id, joinKey))
    if (grantId !== undefined) return { kind: 'equal_pending', grantId }
    const until = tables.coolDowns.get(besideId(record.id, joinKey))
    if (until !== undefined && now < until) return { kind: 'cooling_down', until }
  }
  const pending = tables.pendingCounts.get(besideId(record.id, anchorKey)) ?? 0
  return pending >= pendingLimit ? { kind: 'too_many_pending' } : undefined
}

/** So many index entries are looked at for one page; it may hold fewer records than asked for, and yet not be the last. */
const LOOKED_AT = 10_000

function list(
  tables: Tables,
  filter: Parameters<GrantStore['list']>[0],
  cursor: string | undefined,
  limit: number,
): GrantList {
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString('latin1')
  const records: GrantRecord[] = []
  let looked = 0
  let last = ''
  for (const key of idKeys(tables, filter, after)) {
    if (records.length >= limit || looked >= LOOKED_AT) {
      return { records, next: Buffer.from(last, 'latin1').toString('base64url') }
    }
    looked += 1
    last = key
    const status = filter.status
    // By anchor, the index says the status: a grant of another one is not read.
    if (filter.anchor && status !== undefined && statusAt(tables, filter.anchor, key) !== status) continue
    const record = tables.grants.get(key)?.record
    if (record) records.push(record)
  }
  return { records }
}

const statusAt = ({ byAnchor }: Tables, { shard, key }: { shard: Shard; key: string }, id: string) =>
  byAnchor.get(anchorPrefix(shard, key) + id)

/** Ids in the order of their bytes, which nothing changes: so each grant is met once. */
function* idKeys(
  tables: Tables,
  { status, anchor }: Parameters<GrantStore['list']>[0],
  after: string | undefined,
): Generator<string> {
  const prefix = anchor ? anchorPrefix(anchor.shard, anchor.key) : status === undefined ? '' : statusPrefix(status)
  const table = anchor ? tables.byAnchor : status === undefined ? tables.grants : tables.byStatus
  const { start, end } = beginningWith(prefix)
  for (const { key } of table.scan({ start: after === undefined ? start : `${prefix}${after}\0`, end })) {
    yield key.slice(prefix.length)
  }
}

function forgetGrant(tables: Tables, id: GrantId, now: EpochSeconds): void {
  const key = idKey(id)
  const entry = tables.grants.get(key)
  if (!entry) {
    moveDeadline(tables, id, undefined, undefined)
    return
  }
  if (!hasEnded(entry.record) || entry.record.deadline > now) return
  for (const task of [...tables.tasksOfGrant.scan(beginningWith(key))]) {
    forgetTask(tables, task.key.slice(key.length))
    tables.tasksOfGrant.remove(task.key)
  }
  for (const deferral of deferralKeys(tables, id)) {
    tables.deferrals.remove(deferral)
    tables.deferralsOfGrant.remove(key + deferral.slice(1))
  }
  moveDeadline(tables, id, entry.record.deadline, undefined)
  tables.byStatus.remove(statusPrefix(entry.record.status) + key)
  tables.byAnchor.remove(anchorPrefix(shardOf(id), entry.anchorKey) + key)
  tables.grants.remove(key)
  tables.certified.remove(key)
}

function forgetTask(tables: Tables, key: string): void {
  const task = tables.tasks.get(key)
  if (!task) return
  moveDeadline(tables, `tk_${hexAt(key, 0)}`, task.leaseUntil, undefined)
  const errandKey = besideId(task.id, task.errand)
  const others = (tables.errands.get(errandKey) ?? []).filter(({ taskId }) => taskId !== task.id)
  if (others.length > 0) tables.errands.put(errandKey, others)
  else tables.errands.remove(errandKey)
  for (const child of [...tables.children.scan(beginningWith(key))]) tables.children.remove(child.key)
  tables.tasks.remove(key)
  tables.certified.remove(key)
}
