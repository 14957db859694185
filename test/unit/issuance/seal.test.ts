import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { masterKeyOf } from '../../../src/issuance/master-key.js'
import { seal, unseal } from '../../../src/issuance/seal.js'

const master = masterKeyOf(Buffer.alloc(32, 5))
const key = master.derive('key-ring')
const context = { purpose: 'key ring', version: 3, keyId: master.id }
const fault = (code: string): unknown => expect.objectContaining({ code })

describe('seal (AES-256-GCM)', () => {
  test('opens to what was sealed, and never looks the same twice', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const sealed = seal(key, context, text)
        expect(unseal(key, context, sealed)).toBe(text)
        expect(seal(key, context, text)).not.toBe(sealed)
      }),
    )
  })

  test.each([
    ['another version', { ...context, version: 4 }],
    ['another purpose', { ...context, purpose: 'grant' }],
  ])('does not open as %s', (_, other) => {
    const sealed = seal(key, context, 'text')
    expect(() => unseal(key, other, sealed)).toThrow(fault('record_tampered'))
  })

  test('says so when it was sealed by another master key', () => {
    const other = masterKeyOf(Buffer.alloc(32, 6))
    const sealed = seal(other.derive('key-ring'), { ...context, keyId: other.id }, 'text')
    expect(() => unseal(key, context, sealed)).toThrow(fault('key_unavailable'))
  })

  test('does not open after any one bit was changed', () => {
    const sealed = seal(key, context, 'a text of some length')
    const [format, id, body = ''] = sealed.split('.')
    const bytes = Buffer.from(body, 'base64url')
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Buffer.from(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(() => unseal(key, context, `${format}.${id}.${changed.toString('base64url')}`)).toThrow()
      }),
    )
  })

  test.each(['', 'v1', 'v1..', `v1.${master.id}.`, `v1.${master.id}.AAAA`, `v2.${master.id}.AAAA`, 'a.b.c.d'])(
    'refuses %j',
    (sealed) => {
      expect(() => unseal(key, context, sealed)).toThrow()
    },
  )
})
