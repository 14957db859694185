import type { EncodedEvent } from '../../../src/evidence/event.js'
import type { KeyStore } from '../../../src/issuance/key-store.js'
import { Fault } from '../../../src/runtime/fault.js'

/** A key store in memory, with the port's compare-and-set; it can be taken down. */
export class MemoryKeyStore implements KeyStore {
  row: { version: number; sealed: string } | undefined
  readonly events: EncodedEvent[] = []
  down = false

  load() {
    return this.down ? Promise.reject(new Fault('store_unavailable', 'down')) : Promise.resolve(this.row)
  }

  save(from: number, sealed: string, events: readonly EncodedEvent[]): Promise<'saved' | 'conflict'> {
    if (this.down) return Promise.reject(new Fault('store_unavailable', 'down'))
    if ((this.row?.version ?? 0) !== from) return Promise.resolve('conflict')
    this.row = { version: from + 1, sealed }
    this.events.push(...events)
    return Promise.resolve('saved')
  }
}
