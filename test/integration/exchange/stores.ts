import { startRedis } from '../../support/redis-server.js'

/** A store that a broker is started on; `store` is the section of the configuration, embedded without one. */
export interface OpenedStore {
  readonly store?: Readonly<Record<string, unknown>>
  close(): Promise<void>
}

export interface StoreCase {
  readonly name: string
  open(): Promise<OpenedStore>
}

/** What is true of the exchange is true on every store. */
export const STORES: readonly StoreCase[] = [
  { name: 'the embedded store', open: () => Promise.resolve({ close: () => Promise.resolve() }) },
  { name: 'Redis', open: openRedis },
]

async function openRedis(): Promise<OpenedStore> {
  const server = await startRedis()
  return { store: { url: server.url, durability: 'strict' }, close: () => server.stop() }
}
