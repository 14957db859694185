import type { KeyObject } from 'node:crypto'
import type { EncodedEvent } from '../evidence/event.js'
import { Fault } from '../runtime/fault.js'
import type { KeyStore } from './key-store.js'
import { seal, unseal } from './seal.js'

/**
 * Private keys that all brokers of one store share: one sealed document with a version. What another broker did is
 * adopted, and a change is saved only from the version that it was decided on. What the document says, and when it
 * changes, is its owner's business.
 */
export interface SealedDocument<D> {
  /** As last adopted or saved; version 0 before there is one. */
  readonly held: () => { readonly version: number; readonly document: D }
  /** Looks once, and takes over what is newer. */
  readonly adopt: () => Promise<void>
  /** One change: from what is stored to what shall be, with its evidence; `undefined` when there is nothing to do. Decided anew when another broker was first. */
  readonly change: (decide: Decide<D>) => Promise<void>
}

export type Decide<D> = (document: D) => Promise<Changed<D> | undefined> | Changed<D> | undefined

interface Changed<D> {
  readonly document: D
  readonly events: readonly EncodedEvent[]
}

export interface SealedDocumentDeps<D> {
  readonly store: KeyStore
  readonly key: KeyObject
  /** Names the master key. */
  readonly keyId: string
  /** What it is, in messages; bound to the seal. */
  readonly purpose: string
  readonly empty: D
  readonly encode: (document: D) => string
  /** `undefined` for any other shape than `encode` writes. */
  readonly parse: (text: string) => D | undefined
  /** Called with each version before it is held; what it throws keeps the one before in use. */
  readonly onHeld: (version: number, document: D, cause: 'adopted' | 'saved') => void
}

/** Optimistic steps that lose their race this often mean that something is broken. */
const ATTEMPTS = 10

/** Each verb: @throws Fault `store_unavailable`; `key_unavailable` (another encryption key); `record_tampered` */
export function createSealedDocument<D>(deps: SealedDocumentDeps<D>): SealedDocument<D> {
  const { store, key, keyId, purpose } = deps
  const context = (version: number) => ({ purpose, version, keyId })
  let held = { version: 0, document: deps.empty }

  function hold(version: number, document: D, cause: 'adopted' | 'saved'): void {
    deps.onHeld(version, document, cause)
    held = { version, document }
  }

  async function adopt(): Promise<void> {
    const stored = await store.load()
    if (!stored || stored.version === held.version) return
    // An older row that verifies was put back. What is held is newer and signs live credentials: keep it, and say so.
    if (stored.version < held.version)
      throw new Fault('record_tampered', `the stored ${purpose} is older than the one in use`)
    const document = deps.parse(unseal(key, context(stored.version), stored.sealed))
    if (document === undefined)
      throw new Fault('record_tampered', `the ${purpose}, version ${stored.version}, has an unknown shape`)
    hold(stored.version, document, 'adopted')
  }

  return {
    held: () => held,
    adopt,
    async change(decide) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        await adopt()
        const { version } = held
        const changed = await decide(held.document)
        if (!changed) return
        const sealed = seal(key, context(version + 1), deps.encode(changed.document))
        if ((await store.save(version, sealed, changed.events)) === 'saved') {
          hold(version + 1, changed.document, 'saved')
          return
        }
      }
      throw new Fault('contended', `the ${purpose} is being changed by others all the time`)
    },
  }
}
