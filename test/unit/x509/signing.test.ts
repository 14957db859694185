import { describe, expect, test } from '@jest/globals'
import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto'
import { requireAlgorithm, signingAlgorithmOf, signBytes, signInPool } from '../../../src/x509/signing.js'

const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey
const rsa = (modulusLength: number): KeyObject => generateKeyPairSync('rsa', { modulusLength }).privateKey
const text = Buffer.from('to be signed')

describe('keys that sign certificates', () => {
  test.each([
    ['RFC 5758 §3.2: EC P-256 by SHA-256', ec('P-256'), '300a06082a8648ce3d040302'],
    ['RFC 5758 §3.2: EC P-384 by SHA-384', ec('P-384'), '300a06082a8648ce3d040303'],
    ['RFC 8410 §3: Ed25519', generateKeyPairSync('ed25519').privateKey, '300506032b6570'],
    ['RFC 4055 §5: RSA by SHA-256, with NULL', rsa(2048), '300d06092a864886f70d01010b0500'],
  ])('%s', async (_title, key, identifier) => {
    const algorithm = requireAlgorithm(key)
    expect(algorithm.identifier.toString('hex')).toBe(identifier)
    const publicKey = createPublicKey(key)
    expect(verify(algorithm.digest, text, publicKey, signBytes(key, text))).toBe(true)
    expect(verify(algorithm.digest, text, publicKey, await signInPool(key, text))).toBe(true)
  })

  test.each([
    ['P-521', ec('P-521')],
    ['secp256k1', ec('secp256k1')],
    ['RSA of 1024 bits', rsa(1024)],
    ['Ed448', generateKeyPairSync('ed448').privateKey],
    ['RSASSA-PSS', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
  ])('%s is none of them', async (_title, key) => {
    expect(signingAlgorithmOf(key)).toBeUndefined()
    expect(() => signBytes(key, text)).toThrow(RangeError)
    await expect(async () => signInPool(key, text)).rejects.toThrow(RangeError)
  })
})
