import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { buildCsr } from '../../../src/x509/build-csr.js'
import { parseCsr } from '../../../src/x509/csr.js'
import { openWorkbench, type Workbench } from '../../support/openssl.js'

const KEYS: Readonly<Record<string, () => KeyObject>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
  'RSA 2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}

describe('RFC 2986: a request that names nobody', () => {
  let bench: Workbench
  beforeAll(() => {
    bench = openWorkbench()
  })
  afterAll(() => {
    bench.close()
  })

  test.each(Object.keys(KEYS))('of a key on %s is what we read, and what openssl verifies', (kind) => {
    const privateKey = KEYS[kind]!()
    const csr = buildCsr(privateKey)
    const parsed = parseCsr(csr)
    expect(parsed.ok && parsed.value.publicKey.equals(createPublicKey(privateKey))).toBe(true)
    const file = bench.write('request.pem', csr)
    const { code, said } = bench.run('openssl', 'req', '-in', file, '-noout', '-verify', '-subject')
    expect(code).toBe(0)
    expect(said).toMatch(/verify OK/)
    expect(said).toMatch(/^subject=\s*$/m)
  })

  test('of a key that is not certified is none', () => {
    expect(() => buildCsr(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)).toThrow(RangeError)
    expect(() => buildCsr(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)).toThrow(RangeError)
  })
})
