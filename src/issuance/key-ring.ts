/*
 * `issuance/` makes credentials. The key ring holds the keys that sign them: stored encrypted, the same for all brokers
 * of one store, rotated so that a token always verifies until it expires. A token is built, signed and checked here;
 * whether it may be made is decided elsewhere.
 */
import { describeEvents } from '../evidence/describe-event.js'
import type { EncodedEvent } from '../evidence/event.js'
import type { SigningAlg } from '../policy/catalogue.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import type { Ids } from '../runtime/ids.js'
import type { Log } from '../runtime/log.js'
import { refuse, type Result } from '../runtime/result.js'
import type { KeyStore } from './key-store.js'
import type { MasterKey } from './master-key.js'
import { createPolling } from './polling.js'
import {
  complete,
  encodeRing,
  isRemoved,
  isRotationDue,
  missingKeys,
  parseRing,
  pruned,
  rotated,
  EMPTY_RING,
  type NewKey,
  type Ring,
  type RingKey,
  type RotationRefusal,
} from './ring.js'
import { createSealedDocument, type Decide } from './sealed-document.js'
import {
  generatePrivateJwk,
  signingKeyOf,
  TOKEN_TYPS,
  type PublicJwk,
  type SigningKey,
  type TokenTyp,
  type VerifyKey,
} from './signing-key.js'

/** A key as people see it: `errand keys list`. */
export type ListedKey = Omit<RingKey, 'privateJwk'>

/** What a rotation did. */
export interface Rotation {
  readonly activated: readonly string[]
  readonly retired: readonly string[]
  readonly published: readonly string[]
}

export interface KeyRing {
  /**
   * The key that signs now.
   * @throws Fault `key_unavailable` for an algorithm that the ring was not opened for
   */
  current(alg: SigningAlg): SigningKey
  /** Everything that verifiers need, keys that do not sign yet included (RFC 7517 §5). */
  jwks(): { readonly keys: readonly PublicJwk[] }
  verifyKey(kid: string): VerifyKey | undefined
  /** Which key and kind of token this JOSE header is: ours are known to the byte, all others are not ours. */
  keyByHeader(header: string): { readonly key: VerifyKey; readonly typ: TokenTyp } | undefined
  list(): readonly ListedKey[]
  /**
   * `by`: who asks, for the evidence; `undefined` for the schedule.
   * `atOnce`: do not wait until verifiers know the next key.
   */
  rotate(by: string | undefined, options?: { readonly atOnce?: boolean }): Promise<Result<Rotation, RotationRefusal>>
  /** Looks for changes once: adopts what another broker did, rotates when the schedule says so. Never throws. */
  refresh(): Promise<void>
  /** Refreshes every two seconds. While the store is down, what is held goes on. */
  start(): void
  stop(): void
}

export interface KeyRingDeps {
  readonly store: KeyStore
  readonly masterKey: MasterKey
  readonly clock: Clock
  /** Those that the configuration signs with: keys are made for them. */
  readonly algs: readonly SigningAlg[]
  /** Seconds that a key signs; absent: rotated by command only. */
  readonly rotateEvery?: number
  readonly ids: Pick<Ids, 'eventId'>
  readonly log: Log
}

/** Brokers notice a change within 5 seconds: two polls, and one of them may fail. */
const POLL_MS = 2000

/** A version of the ring, ready for use. */
interface Held {
  readonly ring: Ring
  readonly byKid: ReadonlyMap<string, { readonly entry: RingKey; readonly key: SigningKey }>
  readonly byHeader: ReadonlyMap<string, { readonly kid: string; readonly typ: TokenTyp }>
}

/**
 * Loads the ring, making what is missing: of many brokers that start at once, one makes it and the others take it.
 * @throws Fault `store_unavailable`; `key_unavailable` (another encryption key); `record_tampered`
 */
export async function openKeyRing(deps: KeyRingDeps): Promise<KeyRing> {
  const { store, masterKey, clock, ids, log } = deps
  // Tickets are ES256, whatever the resources ask for.
  const algs = [...new Set<SigningAlg>(['ES256', ...deps.algs])]
  let held: Held = { ring: EMPTY_RING, byKid: new Map(), byHeader: new Map() }
  const { adopt, change } = createSealedDocument<Ring>({
    store,
    key: masterKey.derive('key-ring'),
    keyId: masterKey.id,
    purpose: 'key ring',
    empty: EMPTY_RING,
    encode: encodeRing,
    parse: parseRing,
    onHeld(version, ring, cause) {
      held = hold(ring, held)
      if (cause === 'adopted') log.info('key_ring_adopted', { version, count: ring.keys.length })
    },
  })

  const completeRing: Decide<Ring> = async (ring) => {
    const missing = missingKeys(ring, algs)
    if (missing.length === 0) return undefined
    const now = clock.now()
    const after = complete(ring, algs, await newKeys(missing), now)
    return { document: after, events: [eventOf(ring, after, 'keys_made', undefined, now)] }
  }

  const pruneRing: Decide<Ring> = (ring) => {
    const after = pruned(ring, clock.now())
    return after === ring ? undefined : { document: after, events: [] }
  }

  async function rotate(by: string | undefined, { atOnce = false } = {}): Promise<Result<Rotation, RotationRefusal>> {
    const fresh = await newKeys(algs)
    let result: Result<Rotation, RotationRefusal> | undefined
    await change((ring) => {
      const now = clock.now()
      // Another broker may have rotated while we made keys: the schedule asks once, not once for each broker.
      if (by === undefined && !isRotationDue(ring, algs, deps.rotateEvery ?? Infinity, now)) return undefined
      const after = rotated(ring, algs, [...fresh], now, { atOnce })
      result = after.ok ? { ok: true, value: rotationOf(ring, after.value) } : refuse(after.refusal)
      if (!after.ok) return undefined
      const cause = by === undefined ? 'schedule' : 'command'
      return { document: after.value, events: [eventOf(ring, after.value, cause, by, now)] }
    })
    return result ?? { ok: true, value: { activated: [], retired: [], published: [] } }
  }

  const describe = describeEvents({ ids, policyDigest: null })
  const eventOf = (before: Ring, after: Ring, cause: string, by: string | undefined, now: EpochSeconds): EncodedEvent =>
    describe(0, 'key.rotated', now, by === undefined ? {} : { person: by }, { cause, ...rotationOf(before, after) })

  async function look(): Promise<void> {
    await adopt()
    const now = clock.now()
    if (deps.rotateEvery !== undefined && isRotationDue(held.ring, algs, deps.rotateEvery, now)) await rotate(undefined)
    if (pruned(held.ring, now) !== held.ring) await change(pruneRing)
  }
  const polling = createPolling(POLL_MS, look, (error) => {
    log.warn('key_ring_not_refreshed', { error })
  })

  const believed = (kid: string): { entry: RingKey; key: SigningKey } | undefined => {
    const found = held.byKid.get(kid)
    return found && !isRemoved(found.entry, clock.now()) ? found : undefined
  }

  await change(completeRing)

  return {
    current(alg) {
      const entry = held.ring.keys.find((candidate) => candidate.alg === alg && candidate.state === 'current')
      const found = entry && held.byKid.get(entry.kid)
      if (!found) throw new Fault('key_unavailable', `there is no current key for ${alg}`)
      return found.key
    },
    jwks() {
      const now = clock.now()
      const shown = [...held.byKid.values()].filter(({ entry }) => !isRemoved(entry, now))
      return { keys: shown.map(({ key: shownKey }) => shownKey.publicJwk) }
    },
    verifyKey: (kid) => believed(kid)?.key,
    keyByHeader(header) {
      const known = held.byHeader.get(header)
      const found = known && believed(known.kid)
      return found && { key: found.key, typ: known.typ }
    },
    list: () => held.ring.keys.map(listed),
    rotate,
    refresh: polling.now,
    start: polling.start,
    stop: polling.stop,
  }
}

/** KeyObjects are made once for each key, and taken over from the version before. */
function hold(ring: Ring, before: Held): Held {
  const byKid = new Map<string, { entry: RingKey; key: SigningKey }>()
  const byHeader = new Map<string, { kid: string; typ: TokenTyp }>()
  for (const entry of ring.keys) {
    const key = before.byKid.get(entry.kid)?.key ?? signingKeyOf(entry.alg, entry.privateJwk)
    if (key.kid !== entry.kid || key.alg !== entry.alg) {
      throw new Fault('record_tampered', 'a key of the key ring has an id that is not its own')
    }
    byKid.set(entry.kid, { entry, key })
    for (const typ of TOKEN_TYPS) byHeader.set(key.headers[typ], { kid: entry.kid, typ })
  }
  return { ring, byKid, byHeader }
}

const newKeys = (algs: readonly SigningAlg[]): Promise<readonly NewKey[]> =>
  Promise.all(
    algs.map(async (alg) => {
      const privateJwk = await generatePrivateJwk(alg)
      return { kid: signingKeyOf(alg, privateJwk).kid, alg, privateJwk }
    }),
  )

function rotationOf(before: Ring, after: Ring): Rotation {
  const changedTo = (state: RingKey['state']): readonly string[] =>
    after.keys
      .filter((key) => key.state === state && before.keys.find(({ kid }) => kid === key.kid)?.state !== state)
      .map(({ kid }) => kid)
  return { activated: changedTo('current'), retired: changedTo('retired'), published: changedTo('next') }
}

const listed = ({ privateJwk: _, ...shown }: RingKey): ListedKey => shown
