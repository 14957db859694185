import { describe, expect, test } from '@jest/globals'
import { ok, refuse } from '../../../src/runtime/result.js'
import { OIDS } from '../../../src/x509/oids.js'
import type { WorkloadSource } from '../../../src/workloads/source.js'
import { parseSpiffeBundle } from '../../../src/workloads/spiffe-bundle.js'
import { createSvidVerifier } from '../../../src/workloads/verify-svid.js'
import * as certs from '../../support/certificates.js'
import { BITS, certify, NOW, type CertificateShape, type Holder } from '../../support/certificates.js'
import { turnableClock } from '../../support/clock.js'
import { createTrustDomain, type TestTrustDomain } from '../../support/trust-domain.js'

const prod = createTrustDomain('prod.example.com')
const stage = createTrustDomain('stage.example.com')
const ID = `${prod.id}/payments/web`

const sourceOf = (domain: TestTrustDomain): WorkloadSource => ({
  name: 'mesh',
  preset: 'spiffe',
  issuer: domain.id,
  trustDomain: domain.name,
  audiences: ['errand'],
  require: {},
  owner: 'platform',
  reuse: 'once',
  algorithms: ['ES256'],
  leeway: 30,
  keys: {},
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
})

const verifierOf = (changes: Partial<WorkloadSource> = {}, isDown = false) =>
  createSvidVerifier({
    sources: [{ ...sourceOf(prod), ...changes }, sourceOf(stage)],
    trustDomain: 'errand.example.com',
    clock: turnableClock(NOW),
    keys: {
      roots: ({ issuer }) =>
        Promise.resolve(
          isDown
            ? refuse('issuer_unavailable' as const)
            : ok(parseSpiffeBundle((issuer === prod.id ? prod : stage).bundle)?.roots ?? []),
        ),
    },
  })

const show = (holders: readonly Holder[], verify = verifierOf()) => {
  const [leaf, ...issuers] = holders.map(({ der }) => der)
  if (leaf === undefined) throw new Error('a chain has a leaf')
  return verify({ chain: [leaf, ...issuers], verified: false })
}
const outcome = async (holders: readonly Holder[], verify = verifierOf()): Promise<string> => {
  const result = await show(holders, verify)
  if (result.ok) return result.value.subject
  return 'because' in result.refusal ? result.refusal.because : result.refusal.reason
}
const svid = (shape: CertificateShape = {}, path = '/payments/web') => prod.x509Svid(path, shape)

describe('an X.509-SVID that is believed', () => {
  test('is the same workload as by its JWT-SVID, for as long as its chain lasts, and is never spent', async () => {
    expect(await show([svid({ notAfter: NOW + 60 }), prod.issuing])).toMatchObject({
      ok: true,
      value: {
        source: 'mesh',
        issuer: prod.id,
        subject: ID,
        anchor: { claim: 'sub', value: ID },
        delegateClaims: { sub: ID },
        sealed: {},
        claims: { sub: ID, certificate: { uri: ID } },
        assertion: { reuse: 'until_expiry', expiresAt: NOW + 60 },
      },
    })
  })

  test('whether the root was sent along or not, and with other names beside', async () => {
    expect(await outcome([svid(), prod.issuing, prod.root])).toBe(ID)
    expect(await outcome([svid({ names: [certs.dns('web.example.com'), certs.uri(ID)] }), prod.issuing])).toBe(ID)
    expect(await outcome([svid({ purposes: [OIDS.serverAuth, OIDS.clientAuth] }), prod.issuing])).toBe(ID)
  })

  test('what the configuration requires of the certificate holds', async () => {
    const require = { '/certificate/organization': 'Payments' }
    const subject = certs.nameOf('web', 'Payments')
    expect(await outcome([svid({ subject }), prod.issuing], verifierOf({ require }))).toBe(ID)
    expect(await outcome([svid(), prod.issuing], verifierOf({ require }))).toBe('assertion_claim_missing')
  })
})

describe('an X.509-SVID that is refused', () => {
  test('X509-SVID §2: without a URI, with several, or with one that is no SPIFFE ID of a workload', async () => {
    const named = (...names: readonly Parameters<typeof certs.uri>[0][]) =>
      outcome([svid({ names: names.map(certs.uri) }), prod.issuing])
    expect(await outcome([svid({ names: [certs.dns('web.example.com')] }), prod.issuing])).toBe('assertion_malformed')
    expect(await named(ID, `${prod.id}/other`)).toBe('assertion_malformed')
    expect(await named(ID, 'https://example.com')).toBe('assertion_malformed')
    expect(await named(prod.id)).toBe('assertion_malformed')
    expect(await named('https://prod.example.com/payments/web')).toBe('assertion_malformed')
    expect(await named('spiffe://PROD.example.com/payments/web')).toBe('assertion_malformed')
  })

  test('SPIFFE Trust Domain and Bundle §3: whose trust domain is not that of its authorities', async () => {
    const forged = certify({ names: [certs.uri(ID)] }, stage.issuing)
    expect(await outcome([forged, stage.issuing])).toBe('path_without_anchor')
    expect(await outcome([forged, stage.issuing, stage.root])).toBe('path_without_anchor')
    const unknown = certify({ names: [certs.uri('spiffe://other.example.com/x')] }, prod.issuing)
    expect(await outcome([unknown, prod.issuing])).toBe('assertion_issuer_unknown')
  })

  test('that this broker has issued: its own trust domain is nobody’s', async () => {
    const own = certify({ names: [certs.uri('spiffe://errand.example.com/mesh/x')] }, prod.issuing)
    expect(await outcome([own, prod.issuing])).toBe('assertion_issuer_unknown')
  })

  test.each<[string, CertificateShape, string]>([
    ['§4.1: a CA', { ca: true, keyUsage: [BITS.digitalSignature, BITS.keyCertSign] }, 'leaf_is_a_ca'],
    ['§4.3: that may sign certificates', { keyUsage: [BITS.digitalSignature, BITS.keyCertSign] }, 'leaf_is_a_ca'],
    ['§4.3: that may sign CRLs', { keyUsage: [BITS.digitalSignature, BITS.cRLSign] }, 'certificate_key_usage'],
    ['§4.3: that may not sign', { keyUsage: [BITS.keyEncipherment] }, 'certificate_key_usage'],
    ['§4.3: without a key usage', { keyUsage: null }, 'certificate_key_usage'],
    ['§4.4: for servers alone', { purposes: [OIDS.serverAuth] }, 'certificate_purpose'],
    ['that has ended', { notAfter: NOW - 1 }, 'certificate_expired'],
    ['that is not valid yet', { notBefore: NOW + 1 }, 'certificate_not_yet_valid'],
  ])('X509-SVID %s', async (_, shape, expected) => {
    expect(await outcome([svid(shape), prod.issuing])).toBe(expected)
  })

  test('X509-SVID §4.2: outside of what its authority may name', async () => {
    const bound = certify(
      { ca: true, subject: certs.nameOf('bound'), permitted: [certs.uri('stage.example.com')] },
      prod.root,
    )
    expect(await outcome([prod.x509Svid('/payments/web', {}, bound), bound])).toBe('certificate_name_not_permitted')
  })

  test('without the chain, with one out of order, with a signature by nobody', async () => {
    expect(await outcome([svid()])).toBe('path_without_anchor')
    expect(await outcome([svid(), prod.root, prod.issuing])).toBe('certificate_issuer_mismatch')
    expect(await outcome([certify({ names: [certs.uri(ID)] })])).toBe('path_without_anchor')
    expect(await outcome([{ ...svid(), der: Buffer.from('not even DER') }])).toBe('assertion_malformed')
  })

  test('while the bundle cannot be had', async () => {
    expect(await outcome([svid(), prod.issuing], verifierOf({}, true))).toBe('assertion_issuer_unavailable')
  })
})
