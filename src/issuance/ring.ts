import type { JsonWebKey } from 'node:crypto'
import type { SigningAlg } from '../policy/catalogue.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { refuse, ok, type Result } from '../runtime/result.js'

/**
 * The rules of the key ring, pure. A key is published as `next` before it signs, signs as `current`, and stays published
 * as `retired` until everything that it signed has expired: a token verifies until it expires, whatever is rotated.
 */
export interface RingKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string
  readonly alg: SigningAlg
  readonly state: 'next' | 'current' | 'retired'
  readonly createdAt: EpochSeconds
  readonly activatedAt?: EpochSeconds
  readonly retiredAt?: EpochSeconds
  /** From then on it is neither published nor believed. */
  readonly removeAt?: EpochSeconds
  readonly privateJwk: JsonWebKey
}

export interface Ring {
  readonly keys: readonly RingKey[]
}

/** Material for new keys: as many of each algorithm as are asked for. Given, because making it is neither pure nor quick. */
export type NewKey = Pick<RingKey, 'kid' | 'alg' | 'privateJwk'>

/** Nothing lives longer (contract §2). */
export const MAX_TOKEN_TTL = 3600
/** A broker that has not noticed a rotation yet may still sign with the old key: it notices within seconds, or is gone. */
export const RETIREMENT_MARGIN = 600
/** How long verifiers may keep `/jwks` (its `max-age`). */
export const JWKS_MAX_AGE = 60
/** A new key is published so long before it signs: the cache time above, and 30 s in which clients do not fetch again. */
export const PUBLISH_AHEAD = JWKS_MAX_AGE + 30

export const EMPTY_RING: Ring = { keys: [] }

export const currentKey = (ring: Ring, alg: SigningAlg): RingKey | undefined => inState(ring, alg, 'current')
export const nextKey = (ring: Ring, alg: SigningAlg): RingKey | undefined => inState(ring, alg, 'next')

const inState = (ring: Ring, alg: SigningAlg, state: RingKey['state']): RingKey | undefined =>
  ring.keys.find((key) => key.alg === alg && key.state === state)

export const isRemoved = (key: RingKey, now: EpochSeconds): boolean => key.removeAt !== undefined && key.removeAt <= now

/** The algorithms for which keys must be made before `complete` can be called: once for each key that is missing. */
export function missingKeys(ring: Ring, algs: readonly SigningAlg[]): readonly SigningAlg[] {
  return algs.flatMap((alg) => [...(currentKey(ring, alg) ? [] : [alg]), ...(nextKey(ring, alg) ? [] : [alg])])
}

/**
 * Gives each algorithm a current and a next key. Where there was no current key nobody can hold an older key set that
 * matters, so the first one signs at once.
 */
export function complete(ring: Ring, algs: readonly SigningAlg[], fresh: readonly NewKey[], now: EpochSeconds): Ring {
  const spare = [...fresh]
  const take = (alg: SigningAlg): NewKey => {
    const at = spare.findIndex((key) => key.alg === alg)
    const [key] = at < 0 ? [] : spare.splice(at, 1)
    if (!key) throw new RangeError(`a new key for ${alg} was not given`)
    return key
  }
  const added = algs.flatMap((alg): RingKey[] => [
    ...(currentKey(ring, alg) ? [] : [{ ...take(alg), state: 'current' as const, createdAt: now, activatedAt: now }]),
    ...(nextKey(ring, alg) ? [] : [{ ...take(alg), state: 'next' as const, createdAt: now }]),
  ])
  return { keys: [...ring.keys, ...added] }
}

/** The next key was published too short a time ago: verifiers that hold the key set of before would refuse its tokens. */
export interface RotationRefusal {
  readonly reason: 'next_key_too_young'
  readonly usableAt: EpochSeconds
}

/** When the next keys may sign. Before the first rotation the next key has been published for as long as any: at once. */
function rotatableAt(ring: Ring, algs: readonly SigningAlg[]): EpochSeconds {
  const waits = algs.map((alg) => {
    const next = nextKey(ring, alg)
    if (!next) return 0
    const isFirst = ring.keys.every((key) => key.alg !== alg || key.state !== 'retired')
    return isFirst ? 0 : next.createdAt + PUBLISH_AHEAD
  })
  return Math.max(0, ...waits)
}

/**
 * Current keys retire, next ones become current, new ones are published. Keys of algorithms that are no longer asked for
 * retire as well; what has been retired for long enough is gone.
 * Give one new key for each of `algs`. `atOnce` does not wait until verifiers know the next key: for a key that leaked.
 */
export function rotated(
  ring: Ring,
  algs: readonly SigningAlg[],
  fresh: readonly NewKey[],
  now: EpochSeconds,
  { atOnce }: { atOnce: boolean },
): Result<Ring, RotationRefusal> {
  const usableAt = rotatableAt(ring, algs)
  if (!atOnce && usableAt > now) return refuse({ reason: 'next_key_too_young', usableAt })
  const keys = pruned(ring, now).keys.flatMap((key): RingKey[] => {
    if (key.state === 'retired') return [key]
    if (key.state === 'current') return [retired(key, now)]
    return algs.includes(key.alg) ? [{ ...key, state: 'current', activatedAt: now }] : []
  })
  return ok(complete({ keys }, algs, fresh, now))
}

const retired = (key: RingKey, now: EpochSeconds): RingKey => ({
  ...key,
  state: 'retired',
  retiredAt: now,
  removeAt: now + MAX_TOKEN_TTL + RETIREMENT_MARGIN,
})

export function pruned(ring: Ring, now: EpochSeconds): Ring {
  const keys = ring.keys.filter((key) => !isRemoved(key, now))
  return keys.length === ring.keys.length ? ring : { keys }
}

/** Whether the schedule asks for a rotation: some current key has signed for `rotateEvery` seconds. */
export const isRotationDue = (
  ring: Ring,
  algs: readonly SigningAlg[],
  rotateEvery: number,
  now: EpochSeconds,
): boolean =>
  rotatableAt(ring, algs) <= now &&
  algs.some((alg) => {
    const activatedAt = currentKey(ring, alg)?.activatedAt
    return activatedAt !== undefined && activatedAt + rotateEvery <= now
  })

const STATES = new Set<unknown>(['next', 'current', 'retired'])
const ALGS = new Set<unknown>(['ES256', 'RS256', 'PS256', 'EdDSA'])

export const encodeRing = (ring: Ring): string => JSON.stringify({ v: 1, keys: ring.keys })

/** `undefined` for anything but what `encodeRing` writes. */
export function parseRing(text: string): Ring | undefined {
  const raw = JSON.parse(text) as { v?: unknown; keys?: unknown }
  if (raw.v !== 1 || !Array.isArray(raw.keys) || !raw.keys.every(isRingKey)) return undefined
  return { keys: raw.keys }
}

function isRingKey(raw: unknown): raw is RingKey {
  if (typeof raw !== 'object' || raw === null) return false
  const key = raw as Partial<Record<keyof RingKey, unknown>>
  const times = [key.createdAt, key.activatedAt ?? 0, key.retiredAt ?? 0, key.removeAt ?? 0]
  return (
    typeof key.kid === 'string' &&
    ALGS.has(key.alg) &&
    STATES.has(key.state) &&
    times.every(Number.isSafeInteger) &&
    typeof key.privateJwk === 'object' &&
    key.privateJwk !== null
  )
}
