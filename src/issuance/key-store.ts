import type { EncodedEvent } from '../evidence/event.js'

/** One document of private keys as stores keep it: encrypted, with a version. There are two: the key ring, and the authorities. */
export interface KeyStore {
  load(): Promise<{ readonly version: number; readonly sealed: string } | undefined>
  /** Only from the version that the change was decided on (0: there is none yet), with its evidence in the same step. The new version is `from + 1`. */
  save(from: number, sealed: string, events: readonly EncodedEvent[]): Promise<'saved' | 'conflict'>
}
