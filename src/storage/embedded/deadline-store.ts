import type { DeadlineStore, Due } from '../../grants/deadline-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type Shard, SHARDS } from '../../runtime/ids.js'
import type { Database } from './database.js'
import { moveDeadline } from './deadlines.js'
import { forgetSome } from './forgetting.js'
import { hexAt, idKey, numberKey, numberOf, shardKey } from './keys.js'
import type { Tables } from './tables.js'

interface DueEntry {
  /** Where it stands in `due`. */
  readonly at: EpochSeconds
  /** Since when nobody deals with it: that time, or the end of the last lease. */
  readonly since: EpochSeconds
  readonly due: Due
}

export class EmbeddedDeadlineStore implements DeadlineStore {
  #forgottenAt: EpochSeconds = 0

  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  takeDue(shard: Shard, now: EpochSeconds, leaseSeconds: number, limit: number): Promise<readonly Due[]> {
    return this.database.step(() => {
      const entries = dueEntries(this.tables, shard, now, limit)
      for (const { at, due } of entries) this.tables.leases.grant(due.id, { at, until: now + leaseSeconds })
      this.#forgetSome(now)
      return entries.map(({ due }) => due)
    })
  }

  drop(_shard: Shard, due: readonly Due[]): Promise<void> {
    return this.database.step(() => {
      for (const one of due) moveDeadline(this.tables, one.id, recordedDeadline(this.tables, one), undefined)
    })
  }

  lag(now: EpochSeconds): Promise<{ readonly seconds: number; readonly liveGrants: number }> {
    return this.database.look(() => {
      const oldest = Array.from(
        { length: SHARDS },
        (_, shard) => dueEntries(this.tables, shard, now, 1)[0]?.since ?? now,
      )
      return { seconds: now - Math.min(...oldest), liveGrants: this.tables.counters.get('live') ?? 0 }
    })
  }

  /** Sweepers come by each second for each shard: what may be forgotten is looked at once. */
  #forgetSome(now: EpochSeconds): void {
    if (now <= this.#forgottenAt) return
    this.#forgottenAt = now
    forgetSome(this.tables, now)
  }
}

/** The oldest first, those of the same time in the order of their ids. */
function dueEntries(tables: Tables, shard: Shard, now: EpochSeconds, limit: number): readonly DueEntry[] {
  return [...lapsed(tables, shard, now), ...untaken(tables, shard, now, limit)]
    .sort((one, other) => one.since - other.since || (one.due.id < other.due.id ? -1 : 1))
    .slice(0, limit)
}

/** What was handed out, and not dealt with in time. */
function lapsed({ leases }: Tables, shard: Shard, now: EpochSeconds): readonly DueEntry[] {
  return [...leases.of(shard)]
    .filter(([, { until }]) => until <= now)
    .map(([id, { at, until }]) => ({ at, since: until, due: dueOf(id.charAt(0), id.slice(3)) }))
}

function untaken({ due, leases }: Tables, shard: Shard, now: EpochSeconds, limit: number): readonly DueEntry[] {
  const prefix = shardKey(shard)
  const taken = leases.of(shard)
  const found: DueEntry[] = []
  for (const { key } of due.scan({ start: prefix, end: prefix + numberKey(now + 1) })) {
    if (found.length >= limit) break
    // Shard, six bytes of time, the first letter of the prefix, the id's bytes.
    const [at, one] = [numberOf(key, 1), dueOf(key.charAt(7), hexAt(key, 8))]
    if (!taken.has(one.id)) found.push({ at, since: at, due: one })
  }
  return found
}

function dueOf(letter: string, digits: string): Due {
  switch (letter) {
    case 'g':
      return { kind: 'grant', id: `gr_${digits}` }
    case 't':
      return { kind: 'task', id: `tk_${digits}` }
    default:
      return { kind: 'credential', id: `cr_${digits}` }
  }
}

function recordedDeadline({ grants, tasks, credentials }: Tables, { kind, id }: Due): EpochSeconds | undefined {
  switch (kind) {
    case 'grant':
      return grants.get(idKey(id))?.record.deadline
    case 'task':
      return tasks.get(idKey(id))?.leaseUntil
    case 'credential':
      return credentials.get(idKey(id))?.unsentAt
  }
}
