import { expect, test } from '@jest/globals'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { keyBitsOf, keyIdentifierOf, spkiOf } from '../../../src/x509/spki.js'

test('RFC 7093 §2: a key identifier is the first 160 bits of SHA-256 of the key’s bits', () => {
  const spki = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  // A P-256 key has 65 bytes at the end of its SubjectPublicKeyInfo.
  expect(keyBitsOf(spki)).toEqual(spki.subarray(-65))
  expect(keyIdentifierOf(spki)).toEqual(createHash('sha256').update(spki.subarray(-65)).digest().subarray(0, 20))
})

test('what is no SubjectPublicKeyInfo has no key identifier', () => {
  expect(() => keyIdentifierOf(Buffer.from('3000', 'hex'))).toThrow(RangeError)
})
