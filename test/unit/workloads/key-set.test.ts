import { generateKeyPairSync, sign } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { parseKeySet } from '../../../src/workloads/key-set.js'

type Jwk = Record<string, unknown>

const rsa = (modulusLength: number, publicExponent = 65537): Jwk => ({
  ...generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' }),
  kid: 'k',
})
const ec = (namedCurve: string): Jwk => ({
  ...generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }),
  kid: 'k',
})
const ed = (): Jwk => ({ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'k' })

const finds = (keys: readonly unknown[], alg: string, kid?: string): boolean =>
  parseKeySet({ keys })?.find(alg, kid) !== undefined

describe('weak keys of a trusted issuer are ignored', () => {
  let good: Jwk
  beforeAll(() => {
    good = rsa(2048)
  })

  test('RSA below 2048 bits', () => {
    expect(finds([rsa(1024)], 'RS256')).toBe(false)
    expect(finds([rsa(2040)], 'RS256')).toBe(false)
    expect(finds([good], 'RS256')).toBe(true)
  })

  test('RSA with exponent 3', () => {
    expect(finds([rsa(2048, 3)], 'RS256')).toBe(false)
  })

  test.each([
    ['1', 'AQ'],
    ['2', 'Ag'],
    ['65535', '__8'],
    ['65538', 'AQAC'],
  ])('RSA with exponent %s, with which anybody can sign, or nobody', (_name, e) => {
    expect(finds([{ ...good, e }], 'RS256')).toBe(false)
  })

  test('RSA that would cost more than it proves', () => {
    expect(finds([{ ...good, n: `_${'A'.repeat(1400)}` }], 'RS256')).toBe(false)
    // Each bit of the exponent is a multiplication: as long as the modulus, it costs a hundred verifications.
    const ofBytes = (bytes: number): string => Buffer.alloc(bytes, 0x7f).toString('base64url')
    expect(finds([{ ...good, e: ofBytes(8) }], 'RS256')).toBe(true)
    for (const bytes of [9, 255]) expect(finds([{ ...good, e: ofBytes(bytes) }], 'RS256')).toBe(false)
  })

  test('a point that is not on its curve', () => {
    expect(finds([{ ...ec('P-256'), x: Buffer.alloc(32, 1).toString('base64url') }], 'ES256')).toBe(false)
  })
})

describe('RFC 7517: a key is for what it says it is for', () => {
  test.each([
    ['use enc', { use: 'enc' }],
    ['use that is no text', { use: ['sig'] }],
    ['key_ops without verify', { key_ops: ['sign'] }],
    ['key_ops that is no list', { key_ops: 'verify' }],
    ['another alg', { alg: 'ES384' }],
    ['a private key, which everybody can read', { d: 'AQ' }],
  ])('%s is ignored', (_name, members) => {
    expect(finds([{ ...ec('P-256'), ...members }], 'ES256')).toBe(false)
  })

  test.each([[{ use: 'sig' }], [{ key_ops: ['verify'] }], [{ alg: 'ES256' }], [{}]])('%j is used', (members) => {
    expect(finds([{ ...ec('P-256'), ...members }], 'ES256')).toBe(true)
  })

  test.each([
    ['P-384', 'ES256'],
    ['P-256', 'ES384'],
    ['secp256k1', 'ES256'],
  ])('RFC 7518 §3.4: a key on %s does not verify %s', (curve, alg) => {
    expect(finds([ec(curve)], alg)).toBe(false)
  })

  test('an elliptic curve key does not verify RSA, nor the other way round', () => {
    expect(finds([ec('P-256')], 'RS256')).toBe(false)
    expect(finds([ed()], 'ES256')).toBe(false)
    expect(finds([{ kty: 'oct', k: 'c2VjcmV0', kid: 'k' }], 'HS256')).toBe(false)
  })
})

describe('RFC 7515 §4.1.4: kid says which key', () => {
  test('the one that bears it', () => {
    const set = parseKeySet({
      keys: [
        { ...ec('P-256'), kid: 'a' },
        { ...ec('P-256'), kid: 'b' },
      ],
    })
    expect(set?.find('ES256', 'a')).toBeDefined()
    expect(set?.find('ES256', 'a')).not.toBe(set?.find('ES256', 'b'))
    expect(set?.find('ES256', 'c')).toBeUndefined()
  })

  test('none is needed where there is one key of the algorithm', () => {
    const one = { ...ec('P-256'), kid: 'a' }
    expect(finds([one, ed()], 'ES256')).toBe(true)
    expect(finds([one, { ...ec('P-256'), kid: 'b' }], 'ES256')).toBe(false)
  })

  test('two keys of one name are none', () => {
    expect(finds([ec('P-256'), ec('P-256')], 'ES256', 'k')).toBe(false)
    expect(finds([ec('P-256'), ec('P-384')], 'ES256', 'k')).toBe(true)
  })
})

describe('RFC 7517 §5: a JWK Set', () => {
  test.each([[undefined], [null], ['x'], [[]], [{}], [{ keys: {} }], [Object.create({ keys: [] })]])(
    '%j is none',
    (document) => {
      expect(parseKeySet(document)).toBeUndefined()
    },
  )

  test('members that are not understood are passed over', () => {
    const set = parseKeySet({ keys: [null, 'x', {}, { kty: 'RSA' }, { kty: 'AKP', alg: 'ML-DSA-44' }, ec('P-256')] })
    expect(set?.size).toBe(1)
    expect(set?.ignored).toBe(5)
  })

  test('more than a hundred are not read', () => {
    expect(parseKeySet({ keys: [...Array<unknown>(100).fill({}), ec('P-256')] })?.size).toBe(0)
  })
})

describe('RFC 7518 §3.4: an ECDSA signature is R and S, each as long as the curve', () => {
  test('the DER form is refused', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = parseKeySet({ keys: [publicKey.export({ format: 'jwk' })] })?.find('ES256', undefined)
    const text = Buffer.from('signed')
    expect(await key?.verify(text, sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }))).toBe(true)
    expect(await key?.verify(text, sign('sha256', text, privateKey))).toBe(false)
    expect(await key?.verify(text, Buffer.alloc(64))).toBe(false)
    expect(await key?.verify(text, Buffer.alloc(0))).toBe(false)
  })
})
