import { describe, expect, test } from '@jest/globals'
import { createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { checkMac, mac } from '../../../src/issuance/mac.js'

const key = createSecretKey(Buffer.alloc(32, 3))

describe('mac (HMAC-SHA256)', () => {
  test('is what node:crypto says, base64url', () => {
    const expected = createHmac('sha256', Buffer.alloc(32, 3)).update('a record').digest('base64url')
    expect(mac(key, 'a record')).toBe(expected)
  })

  test('checks for the text, the key and the tag that belong together, and for no other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        const tag = mac(key, text)
        expect(checkMac(key, text, tag)).toBe(true)
        expect(checkMac(key, other, tag)).toBe(other === text)
        expect(checkMac(createSecretKey(Buffer.alloc(32, 4)), text, tag)).toBe(false)
        expect(checkMac(key, text, other)).toBe(false)
      }),
    )
  })

  test.each(['', '=', 'é'.repeat(43), 'A'.repeat(43)])('refuses the tag %j without a fault', (tag) => {
    expect(checkMac(key, 'a record', tag)).toBe(false)
  })
})
