import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { SigningAlg } from '../../../src/policy/catalogue.js'
import {
  complete,
  currentKey,
  EMPTY_RING,
  encodeRing,
  isRemoved,
  isRotationDue,
  MAX_TOKEN_TTL,
  missingKeys,
  nextKey,
  parseRing,
  pruned,
  PUBLISH_AHEAD,
  rotated,
  type NewKey,
  type Ring,
} from '../../../src/issuance/ring.js'

let serial = 0
const made = (algs: readonly SigningAlg[]): NewKey[] =>
  algs.map((alg) => {
    serial += 1
    return { kid: `k${serial}`, alg, privateJwk: {} }
  })

const completed = (ring: Ring, algs: readonly SigningAlg[], now: number): Ring =>
  complete(ring, algs, made(missingKeys(ring, algs)), now)

const allAlgs: readonly SigningAlg[] = ['ES256', 'RS256', 'PS256', 'EdDSA']
const someAlgs = fc.subarray([...allAlgs], { minLength: 1 })

describe('the key ring', () => {
  test('begins with one key that signs and one that is published ahead, for each algorithm', () => {
    const ring = completed(EMPTY_RING, ['ES256', 'EdDSA'], 1000)
    for (const alg of ['ES256', 'EdDSA'] as const) {
      expect(currentKey(ring, alg)).toMatchObject({ alg, state: 'current', activatedAt: 1000 })
      expect(nextKey(ring, alg)).toMatchObject({ alg, state: 'next', createdAt: 1000 })
    }
    expect(ring.keys).toHaveLength(4)
    expect(missingKeys(ring, ['ES256', 'EdDSA'])).toEqual([])
  })

  test('refuses to rotate to a key that verifiers may not know yet, unless it has to be at once', () => {
    const first = rotated(completed(EMPTY_RING, ['ES256'], 0), ['ES256'], made(['ES256']), 10, { atOnce: false })
    if (!first.ok) throw new Error('the first rotation was refused')
    const early = rotated(first.value, ['ES256'], made(['ES256']), 10 + PUBLISH_AHEAD - 1, { atOnce: false })
    expect(early).toEqual({ ok: false, refusal: { reason: 'next_key_too_young', usableAt: 10 + PUBLISH_AHEAD } })
    expect(rotated(first.value, ['ES256'], made(['ES256']), 10 + PUBLISH_AHEAD, { atOnce: false }).ok).toBe(true)
    expect(rotated(first.value, ['ES256'], made(['ES256']), 11, { atOnce: true }).ok).toBe(true)
  })

  test('is due when a current key has signed for the time configured, not a second before', () => {
    const ring = completed(EMPTY_RING, ['ES256'], 1000)
    expect(isRotationDue(ring, ['ES256'], 3600, 4599)).toBe(false)
    expect(isRotationDue(ring, ['ES256'], 3600, 4600)).toBe(true)
  })

  test('comes back from its text as it was, and another text is refused', () => {
    const ring = completed(EMPTY_RING, allAlgs, 5)
    expect(parseRing(encodeRing(ring))).toEqual(ring)
    expect(parseRing('{"v":2,"keys":[]}')).toBeUndefined()
    expect(parseRing('{"v":1,"keys":[{"kid":"a"}]}')).toBeUndefined()
    expect(
      parseRing('{"v":1,"keys":[{"kid":"a","alg":"none","state":"next","createdAt":1,"privateJwk":{}}]}'),
    ).toBeUndefined()
  })

  // The rule that matters: whoever signed a token at any time, its key is there until the token has expired.
  test('keeps every key for as long as a token that it signed may live, through any rotations', () => {
    const step = fc.record({ wait: fc.nat(5000), algs: someAlgs, atOnce: fc.boolean(), prune: fc.boolean() })
    fc.assert(
      fc.property(someAlgs, fc.array(step, { maxLength: 25 }), (algs, steps) => {
        let now = 0
        let ring = completed(EMPTY_RING, algs, now)
        const signed: { kid: string; exp: number }[] = []
        for (const { wait, algs: wanted, atOnce, prune } of steps) {
          // Signed at the last moment before the change.
          now += wait
          for (const key of ring.keys.filter(({ state }) => state === 'current')) {
            signed.push({ kid: key.kid, exp: now + MAX_TOKEN_TTL })
          }
          const after = rotated(ring, wanted, made(wanted.flatMap((alg) => [alg, alg])), now, { atOnce })
          if (after.ok) ring = after.value
          if (prune) ring = pruned(ring, now)
          for (const { kid } of signed.filter(({ exp }) => exp > now)) {
            const key = ring.keys.find((candidate) => candidate.kid === kid)
            expect(key && !isRemoved(key, now)).toBe(true)
          }
          if (after.ok) for (const alg of wanted) expect(currentKey(ring, alg) && nextKey(ring, alg)).toBeDefined()
          const states = ring.keys.filter(({ state }) => state !== 'retired').map(({ alg, state }) => `${alg} ${state}`)
          expect(new Set(states).size).toBe(states.length)
        }
      }),
    )
  })

  test('lets no key sign that was not published for long enough, but for the first ones', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 30 }), (waits) => {
        let now = 0
        let ring = completed(EMPTY_RING, ['ES256'], now)
        for (const wait of waits) {
          now += wait
          const after = rotated(ring, ['ES256'], made(['ES256']), now, { atOnce: false })
          if (after.ok) ring = after.value
          const current = currentKey(ring, 'ES256')!
          if (current.createdAt > 0)
            expect(current.activatedAt! - current.createdAt).toBeGreaterThanOrEqual(PUBLISH_AHEAD)
        }
      }),
    )
  })

  test('forgets retired keys when nothing of theirs can be alive', () => {
    const first = rotated(completed(EMPTY_RING, ['ES256'], 0), ['ES256'], made(['ES256']), 0, { atOnce: true })
    if (!first.ok) throw new Error('refused')
    const removeAt = first.value.keys.find(({ state }) => state === 'retired')!.removeAt!
    expect(pruned(first.value, removeAt - 1)).toBe(first.value)
    expect(
      pruned(first.value, removeAt)
        .keys.map(({ state }) => state)
        .sort(),
    ).toEqual(['current', 'next'])
  })
})
