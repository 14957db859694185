import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import { createDpopNonces, NONCE_WINDOW } from '../../../src/workloads/dpop-nonce.js'
import { turnableClock } from '../../support/clock.js'

const keyOf = (byte: number) => masterKeyOf(Buffer.alloc(32, byte)).derive('dpop-nonce')

describe('RFC 9449 §8: nonces without a memory', () => {
  test('one instance believes what another has given, and no stranger', () => {
    const clock = turnableClock()
    const [here, there] = [createDpopNonces({ key: keyOf(1), clock }), createDpopNonces({ key: keyOf(1), clock })]
    expect(there.accepts(here.current())).toBe(true)
    expect(createDpopNonces({ key: keyOf(2), clock }).accepts(here.current())).toBe(false)
  })

  test('a nonce is good for at least one window and for less than two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000_000_000 }), fc.integer({ min: 0, max: 3600 }), (start, later) => {
        const clock = turnableClock(start)
        const nonces = createDpopNonces({ key: keyOf(1), clock })
        const nonce = nonces.current()
        clock.advance(later)
        if (later <= NONCE_WINDOW) expect(nonces.accepts(nonce)).toBe(true)
        if (later >= 2 * NONCE_WINDOW) expect(nonces.accepts(nonce)).toBe(false)
      }),
    )
  })

  test('is of the characters that a nonce has (RFC 9449 §8.1), and not the same for long', () => {
    const clock = turnableClock()
    const nonces = createDpopNonces({ key: keyOf(1), clock })
    const nonce = nonces.current()
    expect(nonce).toMatch(/^[\w-]{22}$/)
    clock.advance(NONCE_WINDOW)
    expect(nonces.current()).not.toBe(nonce)
  })

  test('the one of a window to come is not believed', () => {
    const clock = turnableClock()
    const nonces = createDpopNonces({ key: keyOf(1), clock })
    clock.advance(NONCE_WINDOW)
    const later = nonces.current()
    clock.advance(-NONCE_WINDOW)
    expect(nonces.accepts(later)).toBe(false)
  })
})
