import { describe, expect, jest, test } from '@jest/globals'
import { calculateJwkThumbprint } from 'jose'
import { openKeyRing, type KeyRingDeps } from '../../../src/issuance/key-ring.js'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import { PUBLISH_AHEAD, MAX_TOKEN_TTL, RETIREMENT_MARGIN } from '../../../src/issuance/ring.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { silentLog } from '../../../src/runtime/log.js'
import { MemoryKeyStore } from './memory-key-store.js'

const turnedClock = (start = 1_800_000_000) => {
  let at = start
  return { now: () => at, nowMs: () => at * 1000, turn: (seconds: number) => (at += seconds) }
}
const setUp = (more: Partial<KeyRingDeps> = {}) => {
  const store = new MemoryKeyStore()
  const clock = turnedClock()
  const masterKey = masterKeyOf(Buffer.alloc(32, 9))
  const deps: KeyRingDeps = { store, clock, masterKey, algs: ['ES256'], ids: randomIds, log: silentLog, ...more }
  return { store, clock, deps, open: () => openKeyRing(deps) }
}
const events = (store: MemoryKeyStore) =>
  store.events.map(
    ({ before, after }) =>
      JSON.parse(`${before}1${after}`) as {
        person: string | null
        type: string
        data: { cause: string; activated: string[] }
      },
  )

describe('openKeyRing', () => {
  test('makes its keys on first start, stores them sealed, and finds them again', async () => {
    const { store, open } = setUp()
    const ring = await open()
    const again = await open()
    expect(again.current('ES256').kid).toBe(ring.current('ES256').kid)
    expect(again.jwks()).toEqual(ring.jwks())
    const secret = ring.current('ES256').privateKey.export({ format: 'jwk' }).d!
    expect(store.row!.sealed).not.toContain(secret)
    expect(JSON.stringify(store.events)).not.toContain(secret)
    expect(JSON.stringify([ring.jwks(), ring.list()])).not.toContain(secret)
  })

  test('of eight brokers that start at once one makes the keys and all use them', async () => {
    const { store, open } = setUp()
    const rings = await Promise.all(Array.from({ length: 8 }, open))
    expect(new Set(rings.map((ring) => ring.current('ES256').kid)).size).toBe(1)
    expect(store.row!.version).toBe(1)
    expect(events(store)).toHaveLength(1)
  })

  test('shows public members only, with RFC 7638 thumbprints as ids, for all four algorithms', async () => {
    const { open } = setUp({ algs: ['ES256', 'RS256', 'PS256', 'EdDSA'] })
    const { keys } = (await open()).jwks()
    expect(keys).toHaveLength(8)
    for (const jwk of keys) {
      expect(jwk).not.toHaveProperty('d')
      expect(jwk).not.toHaveProperty('p')
      expect(jwk.use).toBe('sig')
      expect(jwk.kid).toBe(await calculateJwkThumbprint({ ...jwk }))
    }
  })

  test('adds keys for an algorithm that is configured later, and keeps the others', async () => {
    const { deps, open } = setUp()
    const before = await open()
    const after = await openKeyRing({ ...deps, algs: ['EdDSA'] })
    expect(after.current('EdDSA').alg).toBe('EdDSA')
    expect(after.verifyKey(before.current('ES256').kid)).toBeDefined()
  })

  test('refuses a ring that was sealed by another key, and one that was changed', async () => {
    const { store, deps, open } = setUp()
    await open()
    const other = { ...deps, masterKey: masterKeyOf(Buffer.alloc(32, 8)) }
    await expect(openKeyRing(other)).rejects.toMatchObject({ code: 'key_unavailable' })
    store.row = { version: 2, sealed: store.row!.sealed }
    await expect(open()).rejects.toMatchObject({ code: 'record_tampered' })
  })
})

describe('rotation', () => {
  test('by command: the key that was published before signs, the old one stays published, evidence says who', async () => {
    const { store, open } = setUp()
    const ring = await open()
    const [old, next] = [ring.current('ES256').kid, ring.list().find(({ state }) => state === 'next')!.kid]
    const result = await ring.rotate('local:operator')
    expect(result).toMatchObject({ ok: true, value: { activated: [next], retired: [old] } })
    expect(ring.current('ES256').kid).toBe(next)
    expect(ring.jwks().keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining([old, next]))
    expect(events(store).at(-1)).toMatchObject({
      type: 'key.rotated',
      person: 'local:operator',
      data: { cause: 'command', activated: [next], retired: [old] },
    })
  })

  test('twice in a row is refused until verifiers can know the next key', async () => {
    const { clock, open } = setUp()
    const ring = await open()
    await ring.rotate('local:operator')
    expect(await ring.rotate('local:operator')).toMatchObject({ ok: false, refusal: { reason: 'next_key_too_young' } })
    expect(await ring.rotate('local:operator', { atOnce: true })).toMatchObject({ ok: true })
    clock.turn(PUBLISH_AHEAD)
    expect(await ring.rotate('local:operator')).toMatchObject({ ok: true })
  })

  test('by schedule happens once, however many brokers look', async () => {
    const { store, clock, deps } = setUp({ rotateEvery: 86_400 })
    const rings = await Promise.all(Array.from({ length: 4 }, () => openKeyRing(deps)))
    const before = rings[0]!.current('ES256').kid
    clock.turn(86_399)
    await Promise.all(rings.map((ring) => ring.refresh()))
    expect(rings[0]!.current('ES256').kid).toBe(before)
    clock.turn(1)
    await Promise.all(rings.map((ring) => ring.refresh()))
    await Promise.all(rings.map((ring) => ring.refresh()))
    expect(new Set(rings.map((ring) => ring.current('ES256').kid)).size).toBe(1)
    expect(rings[0]!.current('ES256').kid).not.toBe(before)
    expect(events(store).map(({ data, person }) => [data.cause, person])).toEqual([
      ['keys_made', null],
      ['schedule', null],
    ])
  })

  test('is believed until every token of the old key has expired, and then not any more', async () => {
    const { store, clock, open } = setUp()
    const ring = await open()
    const old = ring.current('ES256')
    await ring.rotate('local:operator')
    clock.turn(MAX_TOKEN_TTL + RETIREMENT_MARGIN - 1)
    expect(ring.verifyKey(old.kid)).toBeDefined()
    expect(ring.keyByHeader(old.headers['at+jwt'])).toMatchObject({ typ: 'at+jwt' })
    clock.turn(1)
    expect(ring.verifyKey(old.kid)).toBeUndefined()
    expect(ring.keyByHeader(old.headers['at+jwt'])).toBeUndefined()
    expect(ring.jwks().keys.map(({ kid }) => kid)).not.toContain(old.kid)
    await ring.refresh()
    expect(ring.list().map(({ kid }) => kid)).not.toContain(old.kid)
    expect(store.row!.version).toBe(3)
  })

  test('is noticed by other brokers within 5 seconds, also after the store was away', async () => {
    jest.useFakeTimers()
    try {
      const { store, open } = setUp()
      const [one, two] = [await open(), await open()]
      two.start()
      store.down = true
      await jest.advanceTimersByTimeAsync(10_000)
      expect(two.current('ES256').kid).toBe(one.current('ES256').kid)
      store.down = false
      await one.rotate('local:operator')
      await jest.advanceTimersByTimeAsync(5000)
      expect(two.current('ES256').kid).toBe(one.current('ES256').kid)
      two.stop()
      expect(jest.getTimerCount()).toBe(0)
    } finally {
      jest.useRealTimers()
    }
  })

  test('is not undone by an older row that is put back', async () => {
    const { store, open } = setUp()
    const ring = await open()
    const older = store.row
    await ring.rotate('local:operator')
    const { kid } = ring.current('ES256')
    store.row = older
    await ring.refresh()
    expect(ring.current('ES256').kid).toBe(kid)
  })
})
