import { describe, expect, test } from '@jest/globals'
import { createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { textMac } from '../../../src/issuance/mac.js'

const mac = textMac(createSecretKey(Buffer.alloc(32, 3)))

describe('textMac (HMAC-SHA256)', () => {
  test('is what node:crypto says, base64url', () => {
    const expected = createHmac('sha256', Buffer.alloc(32, 3)).update('a record').digest('base64url')
    expect(mac.make('a record')).toBe(expected)
  })

  test('checks for the text, the key and the tag that belong together, and for no other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        const tag = mac.make(text)
        expect(mac.check(text, tag)).toBe(true)
        expect(mac.check(other, tag)).toBe(other === text)
        expect(textMac(createSecretKey(Buffer.alloc(32, 4))).check(text, tag)).toBe(false)
        expect(mac.check(text, other)).toBe(false)
      }),
    )
  })

  test.each(['', '=', 'é'.repeat(43), 'A'.repeat(43)])('refuses the tag %j without a fault', (tag) => {
    expect(mac.check('a record', tag)).toBe(false)
  })
})
