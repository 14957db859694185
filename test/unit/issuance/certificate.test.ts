import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { X509Certificate, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'

import fc from 'fast-check'
import type { Authority } from '../../../src/issuance/authority.js'
import { BACKDATING, issueCertificate, type CertificateTemplate } from '../../../src/issuance/certificate.js'
import { PROVENANCE_EXTENSION, PROVENANCE_OIDS } from '../../../src/issuance/provenance.js'
import { Fault } from '../../../src/runtime/fault.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { octetStringOf, oidOf, readDer, textOf, type DerNode } from '../../../src/x509/read-der.js'
import { parseCsr, type CertificateRequest } from '../../../src/x509/csr.js'
import {
  KEY_KINDS,
  makeAuthority,
  makeCsr,
  openWorkbench,
  type KeyKind,
  type Workbench,
} from '../../support/openssl.js'
import * as peculiar from '../../support/peculiar.js'

const SPIFFE_ID = 'spiffe://errand.example.com/github/74/production'
const URLS = {
  crl: 'http://pki.errand.example.com/crl/0011223344556677',
  ocsp: 'http://pki.errand.example.com/ocsp',
  issuer: 'http://pki.errand.example.com/ca',
}

let bench: Workbench
let authority: Authority
let request: CertificateRequest

const requestOf = (pem: string): CertificateRequest => {
  const parsed = parseCsr(pem)
  if (!parsed.ok) throw new Error(parsed.refusal.detail)
  return parsed.value
}

beforeAll(() => {
  bench = openWorkbench()
  authority = makeAuthority(bench, KEY_KINDS['P-256'], URLS)
  request = requestOf(makeCsr(bench, 'usual', KEY_KINDS['P-256']))
})

afterAll(() => {
  bench.close()
})

const aTemplate = (more: Partial<CertificateTemplate> = {}): CertificateTemplate => ({
  id: 'cr_4a000102030405060708090a0b0c0d0e0f',
  request,
  spiffeId: SPIFFE_ID,
  notBefore: authority.notBefore,
  notAfter: authority.notBefore + 600,
  authority,
  provenance: [
    { name: 'Grant', value: 'gr_4a000102030405060708090a0b0c0d0e0f' },
    { name: 'Task', value: 'tk_4a000102030405060708090a0b0c0d0e0f' },
    { name: 'Source Repository Ref', value: 'refs/heads/größe' },
  ],
  ...more,
})

const leafOf = (chain: string): string => /-----BEGIN[^]*?-----END CERTIFICATE-----\n/.exec(chain)?.[0] ?? ''

function textBy(program: 'openssl' | 'certtool', chain: string): string {
  bench.write('leaf.pem', leafOf(chain))
  return program === 'openssl'
    ? bench.openssl('x509', '-in', 'leaf.pem', '-noout', '-text')
    : bench.run('certtool', '--certificate-info', '--infile', bench.at('leaf.pem')).said
}

/** Extensions by their object identifiers, as they are encoded. */
function extensionsOf(chain: string): ReadonlyMap<string, DerNode> {
  const tbs = readDer(new X509Certificate(chain).raw)?.children[0]
  return new Map(tbs?.children.at(-1)?.children[0]?.children.map((node) => [oidOf(node.children[0]) ?? '', node]))
}

describe('the profile (contract §2, RFC 5280 §4)', () => {
  test('openssl reads all of it', () => {
    const text = textBy('openssl', issueCertificate(aTemplate()))
    expect(text).toContain('Version: 3 (0x2)')
    expect(text.replaceAll(/[\s:]/g, '')).toContain('SerialNumber4a000102030405060708090a0b0c0d0e0f')
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256')
    expect(text).toContain('Issuer: O = Errand test, CN = Authority')
    expect(text).toMatch(/Subject: *\n/)
    expect(text).toMatch(/X509v3 Basic Constraints: critical\n +CA:FALSE\n/)
    expect(text).toMatch(/X509v3 Key Usage: critical\n +Digital Signature\n/)
    expect(text).toMatch(/X509v3 Extended Key Usage: *\n +TLS Web Client Authentication\n/)
    expect(text).toContain(`X509v3 Subject Alternative Name: critical\n                URI:${SPIFFE_ID}\n`)
    expect(text).toMatch(/X509v3 Subject Key Identifier: *\n +([0-9A-F]{2}:){19}[0-9A-F]{2}\n/)
    expect(text.replaceAll(':', '')).toContain(authority.subjectKeyId.toString('hex').toUpperCase())
    expect(text).toContain(`OCSP - URI:${URLS.ocsp}\n`)
    expect(text).toContain(`CA Issuers - URI:${URLS.issuer}\n`)
    expect(text).toMatch(new RegExp(`X509v3 CRL Distribution Points: *\\n +Full Name:\\n +URI:${URLS.crl}\\n`))
    expect(text).toContain(`${PROVENANCE_EXTENSION}: \n`)
  })

  test('openssl and certtool accept its chain, and openssl for a client alone', () => {
    bench.write('leaf.pem', leafOf(issueCertificate(aTemplate())))
    const verify = (purpose: string): number =>
      bench.run('openssl', 'verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'authority.pem', 'leaf.pem').code
    expect(verify('sslclient')).toBe(0)
    expect(verify('sslserver')).not.toBe(0)
    const chain = bench.write('chain.pem', issueCertificate(aTemplate()))
    const { said } = bench.run(
      'certtool',
      '--verify',
      '--load-ca-certificate',
      bench.at('authority.pem'),
      '--infile',
      chain,
    )
    expect(said).toContain('Verified. The certificate is trusted.')
    expect(textBy('certtool', readFileSync(chain, 'utf8'))).toContain('TLS WWW Client')
  })

  test('the authorities follow the certificate, the issuing one first', () => {
    const chain = issueCertificate(aTemplate({ authority: { ...authority, chain: ['A\n', 'B'] } }))
    expect(chain).toBe(`${leafOf(chain)}A\nB\n`)
  })

  test('without places to ask, it names none', () => {
    const { urls: _, ...rest } = authority
    const types = [...extensionsOf(issueCertificate(aTemplate({ authority: { ...rest, urls: undefined } }))).keys()]
    expect(types).not.toContain('1.3.6.1.5.5.7.1.1')
    expect(types).not.toContain('2.5.29.31')
    expect(types).toHaveLength(7)
  })

  test('RFC 5280 §4.2: no extension stands there twice, and only what must be understood is critical', () => {
    const extensions = extensionsOf(issueCertificate(aTemplate()))
    expect(extensions.size).toBe(9)
    const critical = [...extensions].filter(([, node]) => node.children.length === 3).map(([type]) => type)
    expect(critical.sort()).toEqual(['2.5.29.15', '2.5.29.17', '2.5.29.19'])
  })

  test('one extension has grant, task and provenance as pairs of a name and a text', () => {
    const value = octetStringOf(extensionsOf(issueCertificate(aTemplate())).get(PROVENANCE_EXTENSION)?.children.at(-1))
    const pairs = readDer(value ?? Buffer.alloc(0))?.children.map(({ children }) => [
      oidOf(children[0]),
      textOf(children[1]),
    ])
    expect(pairs).toEqual([
      [PROVENANCE_OIDS.Grant, 'gr_4a000102030405060708090a0b0c0d0e0f'],
      [PROVENANCE_OIDS.Task, 'tk_4a000102030405060708090a0b0c0d0e0f'],
      [PROVENANCE_OIDS['Source Repository Ref'], 'refs/heads/größe'],
    ])
  })

  test('no number of an object identifier has more than 28 bits: some readers refuse the whole certificate', () => {
    for (const type of extensionsOf(issueCertificate(aTemplate())).keys()) {
      for (const arc of type.split('.')) expect(Number(arc)).toBeLessThan(2 ** 28)
    }
  })

  test('a common name and DNS names as they are given; then the SAN need not be critical', () => {
    const names = { commonName: 'deploy, "shop" \\ 4 <x>;+#', dns: ['shop.example.com', 'xn--mller-kva.example.com'] }
    const leaf = new X509Certificate(issueCertificate(aTemplate({ names })))
    expect(leaf.toLegacyObject().subject).toEqual({ CN: names.commonName })
    expect(leaf.subjectAltName).toBe(`URI:${SPIFFE_ID}, DNS:shop.example.com, DNS:xn--mller-kva.example.com`)
    expect(textBy('openssl', issueCertificate(aTemplate({ names })))).toMatch(/Subject Alternative Name: *\n/)
    const withoutCommonName = issueCertificate(aTemplate({ names: { dns: ['shop.example.com'] } }))
    expect(textBy('openssl', withoutCommonName)).toMatch(/Subject Alternative Name: critical\n/)
  })

  test.each(['#', '##', '#1', '"', '\\', '<', 'a b'])('the common name %s is issued as it is', (commonName) => {
    const leaf = new X509Certificate(issueCertificate(aTemplate({ names: { commonName, dns: [] } })))
    expect(leaf.toLegacyObject().subject).toEqual({ CN: commonName })
  })

  test('every id makes a serial number of 17 bytes, positive and its own (§4.1.2.2)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), (shard) => {
        const id = randomIds.credentialId(shard)
        expect(new X509Certificate(issueCertificate(aTemplate({ id }))).serialNumber.toLowerCase()).toBe(id.slice(3))
      }),
      { numRuns: 64 },
    )
  })

  test('validity is as given, to the second', () => {
    const notBefore = authority.notBefore + 7
    const leaf = new X509Certificate(issueCertificate(aTemplate({ notBefore, notAfter: notBefore + 61 })))
    expect([leaf.validFrom, leaf.validTo].map((at) => Date.parse(at) / 1000)).toEqual([notBefore, notBefore + 61])
  })
})

describe('keys', () => {
  test.each(Object.keys(KEY_KINDS) as KeyKind[])('a request with a key of kind %s is certified', (kind) => {
    const asked = requestOf(makeCsr(bench, 'asked', KEY_KINDS[kind]))
    const chain = issueCertificate(aTemplate({ request: asked }))
    expect(new X509Certificate(chain).publicKey.equals(asked.publicKey)).toBe(true)
    expect(asked.publicKey.equals(createPublicKey(readFileSync(bench.at('asked.key'))))).toBe(true)
    expect(textBy('openssl', chain)).toMatch(/X509v3 Key Usage: critical\n +Digital Signature\n/)
  })

  test.each(['P-256', 'P-384', 'Ed25519', 'RSA 2048'] as const)(
    'an authority with a key of kind %s signs',
    async (kind) => {
      const other = openWorkbench()
      try {
        const signing = makeAuthority(other, KEY_KINDS[kind], URLS)
        const times = { notBefore: signing.notBefore, notAfter: signing.notBefore + 60 }
        const chain = issueCertificate(aTemplate({ authority: signing, ...times }))
        other.write('leaf.pem', leafOf(chain))
        expect(other.openssl('verify', '-x509_strict', '-CAfile', 'authority.pem', 'leaf.pem')).toBe('leaf.pem: OK\n')
        const issuer = new peculiar.X509Certificate(signing.certificate)
        const leaf = new peculiar.X509Certificate(leafOf(chain))
        expect(await leaf.verify({ publicKey: issuer.publicKey, date: new Date((times.notBefore + 1) * 1000) })).toBe(
          true,
        )
      } finally {
        other.close()
      }
    },
  )
})

describe('what is asked for in a request is never given', () => {
  test('names, usages and a request for a CA are not copied', () => {
    const wishes = [
      'subjectAltName=DNS:admin.example.com,URI:spiffe://errand.example.com/other,email:root@example.com,IP:10.0.0.1',
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'extendedKeyUsage=serverAuth,anyExtendedKeyUsage',
      'certificatePolicies=2.5.29.32.0',
      `${PROVENANCE_EXTENSION}=ASN1:UTF8String:forged`,
    ]
    const options = ['-subj', '/O=Somebody else/CN=root', ...wishes.flatMap((wish) => ['-addext', wish])]
    bench.openssl('req', '-new', '-key', 'usual.key', '-out', 'wishes.csr', ...options)
    const greedy = requestOf(readFileSync(bench.at('wishes.csr'), 'utf8'))
    const tbsOf = (chain: string): string | undefined =>
      readDer(new X509Certificate(chain).raw)?.children[0]?.bytes.toString('hex')
    // The same key gives the same certificate to the byte, but for the signature.
    expect(tbsOf(issueCertificate(aTemplate({ request: greedy })))).toBe(tbsOf(issueCertificate(aTemplate())))
  })

  test('whatever the template says stands where it belongs and nowhere else', () => {
    const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?$/)
    const dnsName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
    const commonName = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => text.trim() === text && [...text].length <= 64 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text))
    const provenance = fc.array(
      fc.record({ name: fc.constantFrom('Build Trigger' as const, 'Run Invocation URI' as const), value: fc.string() }),
    )
    fc.assert(
      fc.property(fc.option(commonName), fc.array(dnsName, { maxLength: 3 }), provenance, (name, dns, said) => {
        const names = name === null ? { dns } : { commonName: name, dns }
        const leaf = new X509Certificate(issueCertificate(aTemplate({ names, provenance: said })))
        expect(leaf.subjectAltName).toBe([`URI:${SPIFFE_ID}`, ...dns.map((one) => `DNS:${one}`)].join(', '))
        expect({ ...leaf.toLegacyObject().subject }).toEqual(name === null ? {} : { CN: name })
        expect(leaf.ca).toBe(false)
        expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
      }),
      { numRuns: 200 },
    )
  })
})

describe('nothing is signed that no certificate may be', () => {
  test.each<[string, () => Partial<CertificateTemplate>]>([
    ['has an id of another form', () => ({ id: 'cr_ca000102030405060708090a0b0c0d0e0f' })],
    ['ends before it begins', () => ({ notAfter: authority.notBefore - 1 })],
    ['lives for no time', () => ({ notAfter: authority.notBefore })],
    ['lives for more than an hour', () => ({ notAfter: authority.notBefore + 3600 + BACKDATING + 1 })],
    ['has fractions of seconds', () => ({ notAfter: authority.notBefore + 60.5 })],
    ['outlives its authority', () => ({ authority: { ...authority, notAfter: authority.notBefore + 599 } })],
    ['is for another kind of name', () => ({ spiffeId: 'https://errand.example.com/github/74' })],
    ['is for a trust domain alone', () => ({ spiffeId: 'spiffe://errand.example.com' })],
    ['has a name with a comma', () => ({ spiffeId: `${SPIFFE_ID},DNS:admin.example.com` })],
    ['has an empty common name', () => ({ names: { commonName: '', dns: [] } })],
    ['has a common name of 65 characters', () => ({ names: { commonName: 'x'.repeat(65), dns: [] } })],
    ['has a common name with a NUL', () => ({ names: { commonName: 'admin\0.example.com', dns: [] } })],
    ['has a common name that turns the reading direction', () => ({ names: { commonName: 'a\u202Eb', dns: [] } })],
    ['has a wildcard', () => ({ names: { dns: ['*.example.com'] } })],
    ['has a DNS name with a NUL', () => ({ names: { dns: ['a\0.example.com'] } })],
    ['has a DNS name with a comma', () => ({ names: { dns: ['a.example.com, DNS:b'] } })],
    ['has a DNS name that is too long', () => ({ names: { dns: [`${'a.'.repeat(130)}example`] } })],
    ['has a DNS name with an empty label', () => ({ names: { dns: ['a..example.com'] } })],
  ])('a certificate that %s', (_, more) => {
    expect(() => issueCertificate(aTemplate(more()))).toThrow(RangeError)
  })

  test('build, sign, check: what differs from what was asked for never leaves', () => {
    const faultOf = (more: Partial<CertificateTemplate>): unknown => {
      try {
        return issueCertificate(aTemplate(more))
      } catch (error) {
        return error
      }
    }
    const other = requestOf(makeCsr(bench, 'other', KEY_KINDS['P-256']))
    for (const [more, what] of [
      [{ request: { ...request, spki: other.spki } }, 'public key'],
      [{ authority: { ...authority, subject: Buffer.from('3000', 'hex') } }, 'issuer'],
      [{ authority: { ...authority, subjectKeyId: Buffer.alloc(20, 1) } }, 'issuer'],
    ] as const) {
      const fault = faultOf(more)
      expect(fault).toBeInstanceOf(Fault)
      expect(String(fault)).toContain(`another ${what}`)
    }
    expect(faultOf({ request: { ...request, spki: Buffer.from('3003020101', 'hex') } })).toBeInstanceOf(Fault)
  })

  test('an authority whose key is not that of its certificate signs nothing', () => {
    const mixed = { ...authority, privateKey: makeAuthority(openWorkbench(), KEY_KINDS['P-256']).privateKey }
    expect(() => issueCertificate(aTemplate({ authority: mixed }))).toThrow(Fault)
  })
})
