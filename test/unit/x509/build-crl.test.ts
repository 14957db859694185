import { describe, expect, test } from '@jest/globals'
import { X509Crl } from '../../support/peculiar.js'
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes, webcrypto, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeRevoked, makeCrl, type CrlContent } from '../../../src/x509/build-crl.js'
import { authorityName, makeCaCertificate } from '../../../src/x509/ca-certificate.js'
import { toPem } from '../../../src/x509/pem.js'
import { keyIdentifierOf, spkiOf } from '../../../src/x509/spki.js'

const AT = 1_800_000_000

const contentFor = (key: KeyObject, more: Partial<CrlContent> = {}): CrlContent => ({
  issuer: authorityName('errand.test', 'Errand issuing CA'),
  authorityKeyId: keyIdentifierOf(spkiOf(key)),
  number: 77n,
  thisUpdate: AT,
  nextUpdate: AT + 600,
  entries: [],
  ...more,
})

const serialOf = (): Buffer => Buffer.concat([Buffer.from([0x47]), randomBytes(16)])

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'errand-crl-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const keys: readonly (readonly [string, KeyObject])[] = [
  ['EC P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['EC P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
]

describe('a complete CRL (RFC 5280 §5)', () => {
  test.each(keys)('by %s is read and verified by openssl', async (_name, key) => {
    const serials = [serialOf(), serialOf(), serialOf()]
    const entries = serials.map((serial) => encodeRevoked(serial, AT - 5))
    const crl = await makeCrl(contentFor(key, { entries: [Buffer.concat(entries.slice(0, 2)), entries[2]!] }), key)
    const issuer = makeCaCertificate(
      {
        serial: Buffer.from('01ff', 'hex'),
        subject: authorityName('errand.test', 'Errand issuing CA'),
        publicKey: key,
        notBefore: AT,
        notAfter: AT + 86_400,
        pathLength: 0,
        spiffeId: 'spiffe://errand.test',
      },
      { subject: authorityName('errand.test', 'Errand issuing CA'), privateKey: key },
    )
    const text = inFolder((folder) => {
      writeFileSync(join(folder, 'ca.pem'), toPem('CERTIFICATE', issuer))
      writeFileSync(join(folder, 'crl.der'), crl)
      const args = ['crl', '-inform', 'DER', '-in', 'crl.der', '-noout', '-text', '-CAfile', 'ca.pem', '-verify']
      return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    })
    expect(text).toContain('Version 2')
    expect(text).toContain('Issuer: O = errand.test, CN = Errand issuing CA')
    expect(text).toMatch(/X509v3 CRL Number:\s+77/)
    expect(text).toContain('Last Update: Jan 15 08:00:00 2027 GMT')
    expect(text).toContain('Next Update: Jan 15 08:10:00 2027 GMT')
    for (const serial of serials) expect(text).toContain(serial.toString('hex').toUpperCase())
  })

  test('@peculiar/x509 reads the same', async () => {
    const [[, key]] = keys as [(typeof keys)[number]]
    const serials = Array.from({ length: 300 }, serialOf)
    const entries = [Buffer.concat(serials.map((serial, n) => encodeRevoked(serial, AT - n)))]
    const crl = new X509Crl(await makeCrl(contentFor(key, { entries }), key))
    expect(crl.thisUpdate).toEqual(new Date(AT * 1000))
    expect(crl.nextUpdate).toEqual(new Date((AT + 600) * 1000))
    expect(crl.entries.map(({ serialNumber }) => serialNumber)).toEqual(serials.map((serial) => serial.toString('hex')))
    expect(crl.entries[7]!.revocationDate).toEqual(new Date((AT - 7) * 1000))
    const publicKey = await webcrypto.subtle.importKey(
      'spki',
      spkiOf(key),
      { name: 'ECDSA', namedCurve: 'P-256' },
      true,
      ['verify'],
    )
    expect(await crl.verify({ publicKey }, webcrypto as never)).toBe(true)
  })

  test('RFC 5280 §5.1.2.6: an empty one has no list of entries', async () => {
    const [[, key]] = keys as [(typeof keys)[number]]
    const crl = await makeCrl(contentFor(key), key)
    const text = execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], { input: crl, encoding: 'utf8' })
    expect(text).toContain('No Revoked Certificates')
  })

  test('entries of our serial numbers all have one width', () => {
    const widths = new Set(Array.from({ length: 50 }, () => encodeRevoked(serialOf(), AT).length))
    expect([...widths]).toEqual([36])
  })

  test.each(['', '00', '0001', '80ff', '01'.repeat(21)])('%j is no serial number', (hex) => {
    expect(() => encodeRevoked(Buffer.from(hex, 'hex'), AT)).toThrow(RangeError)
  })

  test('RFC 5280 §5.2.3: a number of more than 20 bytes is not written', async () => {
    const [[, key]] = keys as [(typeof keys)[number]]
    await expect(makeCrl(contentFor(key, { number: 1n << 160n }), key)).rejects.toThrow(RangeError)
  })

  test('the same content is the same list, where the signature is deterministic', async () => {
    const key = generateKeyPairSync('ed25519').privateKey
    const made = [await makeCrl(contentFor(key), key), await makeCrl(contentFor(key), key)]
    const digests = made.map((crl) => createHash('sha256').update(crl).digest('hex'))
    expect(digests[0]).toBe(digests[1])
  })
})
