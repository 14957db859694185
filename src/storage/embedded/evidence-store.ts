import type { EncodedEvent } from '../../evidence/event.js'
import type { EvidenceStore } from '../../evidence/evidence-store.js'
import { type Shard, SHARDS } from '../../runtime/ids.js'
import type { Database } from './database.js'
import { appendEvents } from './events.js'
import { numberKey, numberOf, shardKey } from './keys.js'
import type { Tables } from './tables.js'

export class EmbeddedEvidenceStore implements EvidenceStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  append(events: readonly EncodedEvent[]): Promise<void> {
    return this.database.step(() => {
      appendEvents(this.tables, events)
    })
  }

  read(
    shard: Shard,
    after: number,
    limit: number,
  ): Promise<readonly { readonly seq: number; readonly line: string }[]> {
    return this.database.look(() => {
      const prefix = shardKey(shard)
      const end = prefix + numberKey(after + limit + 1)
      const lines = [...this.tables.events.scan({ start: prefix + numberKey(after + 1), end })]
      return lines.map(({ key, value }) => ({ seq: numberOf(key, 1), line: value }))
    })
  }

  heads(): Promise<readonly number[]> {
    return this.database.look(() =>
      Array.from({ length: SHARDS }, (_, shard) => this.tables.heads.get(shardKey(shard)) ?? 0),
    )
  }
}
