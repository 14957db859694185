import { describe, expect, test } from '@jest/globals'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { isStrongKey } from '../../../src/runtime/strong-key.js'

const MODULUS_2048 = Buffer.alloc(256, 0xc5).toString('base64url')
const rsa = (n: string, e: string) => createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
const odd = (bits: number) => Buffer.alloc(bits / 8, 0xc5).toString('base64url')

describe('RFC 7518 §3.3, §3.4: keys whose signatures are believed', () => {
  test.each([
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, true],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, true],
    ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey, true],
    ['Ed25519', generateKeyPairSync('ed25519').publicKey, true],
    ['RSA of 2048 bits', rsa(MODULUS_2048, 'AQAB'), true],
    ['RSA of 8192 bits', rsa(odd(8192), 'AQAB'), true],
    ['an exponent of 64 bits', rsa(MODULUS_2048, '__________8'), true],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey, false],
    ['Ed448', generateKeyPairSync('ed448').publicKey, false],
    ['X25519', generateKeyPairSync('x25519').publicKey, false],
    ['RSA of 2040 bits', rsa(odd(2040), 'AQAB'), false],
    ['RSA of 8200 bits', rsa(odd(8200), 'AQAB'), false],
    ['the exponent 1', rsa(MODULUS_2048, 'AQ'), false],
    ['the exponent 3', rsa(MODULUS_2048, 'Aw'), false],
    ['an even exponent', rsa(MODULUS_2048, 'AQAC'), false],
    ['an exponent of 65 bits', rsa(MODULUS_2048, 'AQAAAAAAAAAB'), false],
  ])('%s', (_name, key, isStrong) => {
    expect(isStrongKey(key)).toBe(isStrong)
  })
})
