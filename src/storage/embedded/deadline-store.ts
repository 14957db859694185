import type { DeadlineStore, Due } from '../../grants/deadline-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { type Shard, SHARDS } from '../../runtime/ids.js'
import type { Database } from './database.js'
import { handOut, moveDeadline } from './deadlines.js'
import { forgetSome } from './forgetting.js'
import { hexAt, idKey, numberKey, numberOf, shardKey } from './keys.js'
import type { Tables } from './tables.js'

interface DueEntry {
  readonly at: EpochSeconds
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
      const entries = [...dueEntries(this.tables, shard, now, limit)]
      for (const { at, due } of entries) handOut(this.tables, due.id, at, now + leaseSeconds)
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
        (_, shard) => [...dueEntries(this.tables, shard, now, 1)][0]?.at ?? now,
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

function* dueEntries({ due }: Tables, shard: Shard, now: EpochSeconds, limit: number): Generator<DueEntry> {
  if (limit <= 0) return
  const prefix = shardKey(shard)
  let found = 0
  for (const { key } of due.scan({ start: prefix, end: prefix + numberKey(now + 1) })) {
    yield { at: numberOf(key, 1), due: dueAt(key) }
    found += 1
    if (found === limit) return
  }
}

/** Shard, six bytes of time, the first letter of the prefix, the id's bytes. */
function dueAt(key: string): Due {
  const digits = hexAt(key, 8)
  switch (key.charAt(7)) {
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
