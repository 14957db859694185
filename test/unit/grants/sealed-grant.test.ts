import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openGrant, sealGrant, type GrantSeal } from '../../../src/grants/sealed-grant.js'
import { textMac } from '../../../src/issuance/mac.js'
import { Fault } from '../../../src/runtime/fault.js'
import { active, anyGrant, BROKER, newId, pending } from './fixtures.js'

const sealWith = (byte: number, issuer = BROKER): GrantSeal => ({
  issuer,
  mac: textMac(createSecretKey(Buffer.alloc(32, byte))),
})
const seal = sealWith(1)
const isTampered = (open: () => unknown): boolean => {
  try {
    open()
    return false
  } catch (error) {
    return error instanceof Fault && error.code === 'record_tampered'
  }
}

describe('invariant 8: a grant rests under a MAC whose key is outside the store', () => {
  test('any grant comes back as it was', () => {
    fc.assert(
      fc.property(anyGrant, (grant) => {
        expect(openGrant(grant.terms.id, sealGrant(grant, seal), seal)).toEqual(grant)
      }),
      { numRuns: 500 },
    )
  })

  test('any changed, missing or added character is refused', () => {
    const change = fc.record({ at: fc.nat(), how: fc.constantFrom('flip', 'drop', 'add'), bit: fc.nat(6) })
    fc.assert(
      fc.property(anyGrant, change, (grant, { at, how, bit }) => {
        const document = sealGrant(grant, seal)
        const place = at % document.length
        const code = document.charCodeAt(place) ^ (1 << bit)
        const middle = { flip: String.fromCharCode(code), drop: '', add: document.charAt(place) + '0' }[how]
        const changed = document.slice(0, place) + middle + document.slice(place + 1)
        expect(isTampered(() => openGrant(grant.terms.id, changed, seal))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('each bit of each character of one record counts', () => {
    const grant = active()
    const document = sealGrant(grant, seal)
    for (let place = 0; place < document.length; place++)
      for (let bit = 0; bit < 7; bit++) {
        const flipped = String.fromCharCode(document.charCodeAt(place) ^ (1 << bit))
        const changed = document.slice(0, place) + flipped + document.slice(place + 1)
        if (!isTampered(() => openGrant(grant.terms.id, changed, seal))) throw new Error(`${place}: ${changed}`)
      }
  })

  test('a record cannot be moved to another id', () => {
    expect(isTampered(() => openGrant(newId(), sealGrant(active(), seal), seal))).toBe(true)
  })

  test('another status, another end, another review: none of them is what was sealed', () => {
    const grant = pending()
    const document = sealGrant(grant, seal)
    const tag = document.slice(0, document.indexOf('.') + 1)
    const made = sealGrant(active(), seal)
    expect(isTampered(() => openGrant(grant.terms.id, tag + made.slice(made.indexOf('.') + 1), seal))).toBe(true)
  })

  test('another key opens nothing, nor does no MAC at all', () => {
    const grant = active()
    const document = sealGrant(grant, seal)
    const body = document.slice(document.indexOf('.') + 1)
    const attempts = [
      () => openGrant(grant.terms.id, document, sealWith(2)),
      () => openGrant(grant.terms.id, body, seal),
      () => openGrant(grant.terms.id, `1.${body}`, seal),
      () => openGrant(grant.terms.id, `.${body}`, seal),
      () => openGrant(grant.terms.id, '', seal),
      () => openGrant(grant.terms.id, `2${document.slice(1)}`, seal),
    ]
    expect(attempts.map(isTampered)).toEqual(attempts.map(() => true))
  })

  test('the issuer is this broker, whatever the record was made by: terms of another broker have another digest', () => {
    const opened = openGrant(active().terms.id, sealGrant(active(), seal), sealWith(1, 'https://other.example.com'))
    expect(opened.terms.issuer).toBe('https://other.example.com')
  })
})
