import { sign as signBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { parseCertificate, type ParsedCertificate } from '../../../src/x509/certificate.js'
import { parseCrl } from '../../../src/x509/crl.js'
import * as der from '../../../src/x509/write-der.js'
import { OIDS } from '../../../src/x509/oids.js'
import type { AttestationRules } from '../../../src/workloads/attestation.js'
import type { WorkloadSource } from '../../../src/workloads/source.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import * as certs from '../../support/certificates.js'
import { BITS, certify, NOW, testKey, type CertificateShape, type Holder } from '../../support/certificates.js'
import { turnableClock } from '../../support/clock.js'

const BROKER = 'https://errand.example.com'
const ISSUER = 'https://devices.example.com'
const DEVICE = 'urn:device:7'

const parsed = ({ der: bytes }: Holder): ParsedCertificate => {
  const certificate = parseCertificate(bytes)
  if (!certificate.ok) throw new Error(certificate.refusal)
  return certificate.value
}

const root = certify({ ca: true, subject: certs.nameOf('Root') })
const issuing = certify({ ca: true, subject: certs.nameOf('Issuing') }, root)
const deviceOf = (shape: CertificateShape = {}, issuer = issuing): Holder =>
  certify({ subject: certs.nameOf('device-7', 'Example'), names: [certs.uri(DEVICE)], ...shape }, issuer)
const device = deviceOf()

const rules: AttestationRules = {
  roots: [parsed(root)],
  crlFiles: [],
  purpose: { extendedKeyUsage: OIDS.clientAuth, stated: false },
  subject: 'uri',
}
const source: WorkloadSource = {
  name: 'devices',
  preset: 'attestation',
  issuer: ISSUER,
  audiences: [BROKER],
  require: {},
  owner: 'platform',
  reuse: 'once',
  algorithms: ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'],
  maxAge: 300,
  leeway: 30,
  keys: {},
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
}
const claims = { iss: ISSUER, sub: DEVICE, aud: BROKER, iat: NOW, exp: NOW + 60, jti: 'j1' }

const verifierOf = (
  changes: Partial<AttestationRules> = {},
  ofSource: Partial<WorkloadSource> = {},
  lists: Buffer[] = [],
) =>
  createWorkloadVerifier({
    sources: [{ ...source, ...ofSource, attestation: { ...rules, ...changes } }],
    trustDomain: 'errand.example.com',
    ownIssuer: BROKER,
    clock: turnableClock(NOW),
    keys: { find: () => Promise.reject(new Error('an attestation brings its keys along')) },
    revocationLists: {
      of: () => lists.flatMap((bytes) => (([crl]) => (crl?.ok === true ? [crl.value] : []))([parseCrl(bytes)])),
      refresh: () => Promise.resolve(),
    },
  })

interface Attesting {
  readonly by?: Holder
  readonly chain?: readonly (Holder | string)[]
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly alg?: string
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function attest({
  by = device,
  chain = [by, issuing],
  claims: changes = {},
  header = {},
  alg = 'ES256',
}: Attesting = {}) {
  const x5c = chain.map((one) => (typeof one === 'string' ? one : one.der.toString('base64')))
  const signed = `${part({ alg, typ: 'JWT', x5c, ...header })}.${part({ ...claims, ...changes })}`
  const { privateKey } = by.key
  const isEc = privateKey.asymmetricKeyType === 'ec'
  const input = isEc ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  return `${signed}.${signBytes(digest, Buffer.from(signed), input).toString('base64url')}`
}

async function outcome(assertion: string, verify = verifierOf()): Promise<string> {
  const result = await verify(assertion)
  if (result.ok) return 'believed'
  return 'because' in result.refusal ? result.refusal.because : result.refusal.reason
}

describe('an attestation that is believed', () => {
  test('becomes a workload by its certificate, and keeps nothing else of its own words', async () => {
    const result = await verifierOf()(attest({ claims: { role: 'admin', certificate: { uri: 'mine' } } }))
    expect(result).toEqual({
      ok: true,
      value: {
        source: 'devices',
        preset: 'attestation',
        issuer: ISSUER,
        subject: DEVICE,
        spiffeId: 'spiffe://errand.example.com/devices/urn_3adevice_3a7',
        anchor: { claim: 'sub', value: DEVICE },
        sealed: {},
        claims: {
          ...claims,
          certificate: {
            uri: DEVICE,
            common_name: 'device-7',
            organization: 'Example',
            sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        },
        delegateClaims: { sub: DEVICE },
        description: `${DEVICE} of Example`,
        owner: 'platform',
        shard: expect.any(Number),
        assertion: { key: expect.stringMatching(/^[\w-]{43}$/), expiresAt: NOW + 60, reuse: 'once' },
      },
    })
  })

  test.each([
    ['ES256', 'P-256'],
    ['ES384', 'P-384'],
    ['EdDSA', 'ed25519'],
    ['RS256', 'rsa'],
  ] as const)('signed with %s', async (alg, type) => {
    expect(await outcome(attest({ by: deviceOf({ key: testKey(type) }), alg }))).toBe('believed')
  })

  test.each([
    ['dns', { names: [certs.dns('device-7.example.com')] }, 'device-7.example.com'],
    ['email', { names: [certs.email('device-7@example.com')] }, 'device-7@example.com'],
    ['common_name', {}, 'device-7'],
    [
      'serial_number',
      { subject: der.sequence(der.set(der.sequence(der.oid(OIDS.serialNumber), der.printableString('SN-7')))) },
      'SN-7',
    ],
  ] as const)('by its %s', async (subject, shape, sub) => {
    expect(await outcome(attest({ by: deviceOf(shape), claims: { sub } }), verifierOf({ subject }))).toBe('believed')
  })

  test('it ends when a certificate of its chain does', async () => {
    const result = await verifierOf()(attest({ by: deviceOf({ notAfter: NOW + 5 }) }))
    expect(result).toMatchObject({ value: { assertion: { expiresAt: NOW + 5 } } })
  })

  test('two devices that choose the same jti do not spend one another’s', async () => {
    const other = deviceOf({ names: [certs.uri('urn:device:8')] })
    const [one, two] = await Promise.all([
      verifierOf()(attest()),
      verifierOf()(attest({ by: other, claims: { sub: 'urn:device:8' } })),
    ])
    expect(one.ok && two.ok && one.value.assertion.key !== two.value.assertion.key).toBe(true)
  })

  test('the same attestation with another signature is the same attestation', async () => {
    const results = await Promise.all([verifierOf()(attest()), verifierOf()(attest())])
    const keys = results.map((result) => (result.ok ? result.value.assertion.key : undefined))
    expect(new Set(keys).size).toBe(1)
  })
})

describe('an attestation that is refused', () => {
  test('RFC 7515 §4.1: whose header names keys elsewhere, or has no chain', async () => {
    const jwk = device.key.privateKey.export({ format: 'jwk' })
    for (const header of [{ jku: 'https://example.com' }, { jwk }, { x5u: 'https://example.com' }, { 'x5t#S256': 'a' }])
      expect(await outcome(attest({ header }))).toBe('header_parameter_not_accepted')
    expect(await outcome(attest({ header: { crit: ['x5c'] } }))).toBe('assertion_malformed')
    for (const x5c of [
      undefined,
      [],
      'text',
      [7],
      [device.der.toString('base64url')],
      Array.from({ length: 17 }, () => ''),
    ])
      expect(await outcome(attest({ header: { x5c } }))).toBe('x5c_malformed')
  })

  test.each<[string, Attesting, string]>([
    [
      'of another root',
      { by: certify({ names: [certs.uri(DEVICE)] }, certify({ ca: true, subject: certs.nameOf('Issuing') })) },
      'certificate_signature_invalid',
    ],
    ['whose chain does not reach the root', { chain: [device] }, 'path_without_anchor'],
    ['of nobody but itself', { by: certify({ names: [certs.uri(DEVICE)] }), chain: [device] }, 'path_without_anchor'],
    ['by a CA', { by: deviceOf({ ca: true, keyUsage: [BITS.digitalSignature, BITS.keyCertSign] }) }, 'leaf_is_a_ca'],
    ['with a server’s certificate', { by: deviceOf({ purposes: [OIDS.serverAuth] }) }, 'certificate_purpose'],
    ['with a certificate that has ended', { by: deviceOf({ notAfter: NOW - 1 }) }, 'certificate_expired'],
    ['of somebody else', { claims: { sub: 'urn:device:8' } }, 'certificate_of_another_subject'],
    [
      'with a certificate of several names',
      { by: deviceOf({ names: [certs.uri(DEVICE), certs.uri('urn:b')] }) },
      'certificate_of_another_subject',
    ],
    [
      'with a certificate without that name',
      { by: deviceOf({ names: [certs.dns('a.example.com')] }) },
      'certificate_of_another_subject',
    ],
    [
      'with another kind of key than its algorithm’s',
      { by: deviceOf({ key: testKey('P-384') }) },
      'algorithm_of_another_key',
    ],
    ['for somebody else', { claims: { aud: 'https://other.example.com' } }, 'assertion_audience_mismatch'],
    ['that has ended', { claims: { exp: NOW } }, 'assertion_expired'],
    ['that is too old', { claims: { iat: NOW - 301 } }, 'assertion_too_old'],
    ['without iat', { claims: { iat: undefined } }, 'assertion_claim_missing'],
    ['without exp', { claims: { exp: undefined } }, 'assertion_claim_missing'],
    ['of another issuer', { claims: { iss: 'https://other.example.com' } }, 'assertion_issuer_unknown'],
    ['with a DER that is none', { chain: ['AAAA', issuing] }, 'certificate_malformed'],
    ['with a chain of nine', { chain: [device, ...Array.from({ length: 8 }, () => issuing)] }, 'path_too_long'],
  ])('%s', async (_, attesting, expected) => {
    expect(await outcome(attest(attesting))).toBe(expected)
  })

  test('signed by somebody who only knows the certificate', async () => {
    const thief = { ...device, key: testKey() }
    expect(await outcome(attest({ by: thief }))).toBe('assertion_signature_invalid')
  })

  test('with an algorithm that the source does not take', async () => {
    expect(await outcome(attest(), verifierOf({}, { algorithms: ['ES384'] }))).toBe('assertion_algorithm_not_allowed')
  })

  test('outside of what its CA may name', async () => {
    const bound = certify({ ca: true, subject: certs.nameOf('Bound'), permitted: [certs.uri('.example.com')] }, root)
    const inside = deviceOf({ names: [certs.uri('https://a.example.com/7')] }, bound)
    const outside = deviceOf({ names: [certs.uri('https://a.example.org/7')] }, bound)
    const by = (holder: Holder, sub: string) => outcome(attest({ by: holder, chain: [holder, bound], claims: { sub } }))
    expect(await by(inside, 'https://a.example.com/7')).toBe('believed')
    expect(await by(outside, 'https://a.example.org/7')).toBe('certificate_name_not_permitted')
  })

  test('that lacks what the configuration requires of its certificate', async () => {
    const require = { '/certificate/organization': 'Example' }
    expect(await outcome(attest(), verifierOf({}, { require }))).toBe('believed')
    const other = deviceOf({ subject: certs.nameOf('device-7', 'Other') })
    expect(await outcome(attest({ by: other }), verifierOf({}, { require }))).toBe('assertion_claim_not_accepted')
    const selfMade = attest({ by: other, claims: { certificate: { organization: 'Example' } } })
    expect(await outcome(selfMade, verifierOf({}, { require }))).toBe('assertion_claim_not_accepted')
  })

  test.each(['spiffe://errand.example.com/ci/7', 'spiffe://errand.example.com'])(
    'by a certificate that this broker has issued: it names %s',
    async (name) => {
      const own = deviceOf({ names: [certs.uri(name)] })
      expect(await outcome(attest({ by: own, claims: { sub: name } }))).toBe('certificate_of_this_broker')
      const hidden = deviceOf({ names: [certs.uri(name)], subject: certs.nameOf('device-7') })
      const byCommonName = verifierOf({ subject: 'common_name' })
      expect(await outcome(attest({ by: hidden, claims: { sub: 'device-7' } }), byCommonName)).toBe(
        'certificate_of_this_broker',
      )
    },
  )
})

describe('with CRLs', () => {
  const serial = der.integer(77)
  const revocable = deviceOf({ serial })
  const crlFiles = ['/etc/errand/ca.crl']
  const rootList = certs.revocationList(root)

  test('one that is revoked, one that is not, and one that nobody can tell', async () => {
    const assertion = attest({ by: revocable })
    const good = [rootList, certs.revocationList(issuing)]
    const bad = [rootList, certs.revocationList(issuing, { revoked: [serial] })]
    expect(await outcome(assertion, verifierOf({ crlFiles }, {}, good))).toBe('believed')
    expect(await outcome(assertion, verifierOf({ crlFiles }, {}, bad))).toBe('certificate_revoked')
    expect(await outcome(assertion, verifierOf({ crlFiles }, {}, [rootList]))).toBe('certificate_status_unknown')
    expect(await outcome(assertion, verifierOf({ crlFiles }, {}, []))).toBe('certificate_status_unknown')
  })
})
