import type { Expiry, GrantRecord, GrantRevision } from '../../grants/grant-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type GrantId, type Shard, shardOf } from '../../runtime/ids.js'
import { dueKey, moveDeadline } from './deadlines.js'
import { appendEvents } from './events.js'
import { forgetLater, place } from './forgetting.js'
import { besideId, idKey, inShard, textKey } from './keys.js'
import type { Table } from './table.js'
import type { GrantEntry, RunEntry, Tables } from './tables.js'

const STATUS_LETTERS: Readonly<Record<GrantRecord['status'], string>> = {
  pending: 'p',
  active: 'a',
  denied: 'd',
  withdrawn: 'w',
  expired: 'e',
  completed: 'c',
  revoked: 'r',
}

export const hasEnded = ({ status }: GrantRecord): boolean => status !== 'pending' && status !== 'active'

export const statusPrefix = (status: GrantRecord['status']): string => STATUS_LETTERS[status]

export const anchorPrefix = (shard: Shard, anchorKey: string): string => `${inShard(shard, anchorKey)}\0`

const NO_RUN: RunEntry = { version: 0, ended: false, grants: [] }

export const runEntry = ({ runs }: Tables, shard: Shard, run: string): RunEntry =>
  runs.get(inShard(shard, run)) ?? NO_RUN

export function changeRun(tables: Tables, shard: Shard, run: string, change: Partial<RunEntry> = {}): void {
  const entry = runEntry(tables, shard, run)
  tables.runs.put(inShard(shard, run), { ...entry, ...change, version: entry.version + 1 })
}

/** Keeps a grant as it is from now on, and every index that leads to it. */
export function keepGrant(tables: Tables, before: GrantEntry | undefined, after: GrantEntry): void {
  const { id, status, deadline } = after.record
  const key = idKey(id)
  tables.grants.put(key, after)
  if (before) moveDeadline(tables, id, before.record.deadline, deadline)
  else tables.due.put(dueKey(id, deadline), true)
  if (before?.record.status === status) return
  if (before) tables.byStatus.remove(statusPrefix(before.record.status) + key)
  tables.byStatus.put(statusPrefix(status) + key, true)
  tables.byAnchor.put(anchorPrefix(shardOf(id), after.anchorKey) + key, status)
  changePending(tables, before, after)
  changeActive(tables, before?.record.status === 'active', after.record)
}

function changePending(
  tables: Tables,
  before: GrantEntry | undefined,
  { record, anchorKey, joinKey }: GrantEntry,
): void {
  const [was, is] = [before?.record.status === 'pending', record.status === 'pending']
  if (was === is) return
  add(tables.pendingCounts, besideId(record.id, anchorKey), is ? 1 : -1)
  if (is && joinKey !== undefined) tables.joins.put(besideId(record.id, joinKey), record.id)
  if (was && before?.joinKey !== undefined) leaveJoin(tables, record.id, before.joinKey)
}

function leaveJoin({ joins }: Tables, id: GrantId, joinKey: string): void {
  const key = besideId(id, joinKey)
  if (joins.get(key) === id) joins.remove(key)
}

function changeActive(tables: Tables, was: boolean, { id, status, index }: GrantRecord): void {
  const is = status === 'active'
  if (was === is) return
  add(tables.counters, 'live', is ? 1 : -1)
  if ('anchor' in index) {
    changeWindows(tables, id, index.anchor, is)
    return
  }
  const { grants } = runEntry(tables, shardOf(id), index.run)
  if (is) changeRun(tables, shardOf(id), index.run, { grants: [...grants, id] })
  else dropFromRun(tables, id, index.run)
}

function dropFromRun(tables: Tables, id: GrantId, run: string): void {
  const entry = runEntry(tables, shardOf(id), run)
  tables.runs.put(besideId(id, run), { ...entry, grants: entry.grants.filter((other) => other !== id) })
}

function changeWindows({ windows }: Tables, id: GrantId, anchor: string, present: boolean): void {
  const key = besideId(id, anchor)
  const others = (windows.get(key) ?? []).filter((other) => other !== id)
  if (present) windows.put(key, [...others, id])
  else if (others.length > 0) windows.put(key, others)
  else windows.remove(key)
}

function add(table: Table<number>, key: string, delta: number): void {
  const sum = (table.get(key) ?? 0) + delta
  if (sum === 0) table.remove(key)
  else table.put(key, sum)
}

/** What a revision would change; undefined when the grant is not as it was decided on. */
export function revisable({ grants }: Tables, { record, from }: GrantRevision): GrantEntry | undefined {
  const entry = grants.get(idKey(record.id))
  return entry?.record.version === from && !hasEnded(entry.record) ? entry : undefined
}

export function revise(tables: Tables, before: GrantEntry, revision: GrantRevision): void {
  const { record, coolDown, joinKey, events } = revision
  const { tasks } = before.record
  keepGrant(tables, before, { ...before, record: { ...record, tasks } })
  if (joinKey !== undefined) leaveJoin(tables, record.id, joinKey)
  if (coolDown) keepCoolDown(tables, shardOf(record.id), coolDown)
  appendEvents(tables, events)
}

/** What is kept as in force though its time has passed; the document says the same, and stays. */
export function expire(tables: Tables, { id, events }: Expiry, now: EpochSeconds, keptUntil: EpochSeconds): boolean {
  const before = tables.grants.get(idKey(id))
  if (!before || hasEnded(before.record) || now < before.record.deadline) return false
  const { version } = before.record
  const record = { ...before.record, version: version + 1, status: 'expired' as const, deadline: keptUntil }
  keepGrant(tables, before, { ...before, record })
  appendEvents(tables, events)
  return true
}

function keepCoolDown(
  tables: Tables,
  shard: Shard,
  { joinKey, until }: { joinKey: string; until: EpochSeconds },
): void {
  const key = inShard(shard, joinKey)
  tables.coolDowns.put(key, until)
  forgetLater(tables, until, place(tables.coolDowns, key))
}

export const deferralOfGrantKey = (id: GrantId, hash: string): string => idKey(id) + textKey(hash)
