import type { EncodedEvent } from '../../evidence/event.js'
import type { KeyStore } from '../../issuance/key-store.js'
import type { Database } from './database.js'
import { appendEvents } from './events.js'
import type { KeyRing, Tables } from './tables.js'

/** Which document: there is one of each. */
type Name = 'ring' | 'authorities'

export class EmbeddedKeyStore implements KeyStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
    readonly name: Name,
  ) {}

  load(): Promise<KeyRing | undefined> {
    return this.database.look(() => this.tables.keyRing.get(this.name))
  }

  save(from: number, sealed: string, events: readonly EncodedEvent[]): Promise<'saved' | 'conflict'> {
    return this.database.step(() => {
      const version = this.tables.keyRing.get(this.name)?.version ?? 0
      if (version !== from) return 'conflict'
      this.tables.keyRing.put(this.name, { version: version + 1, sealed })
      appendEvents(this.tables, events)
      return 'saved'
    })
  }
}
