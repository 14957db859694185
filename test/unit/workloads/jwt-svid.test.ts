import { describe, expect, test } from '@jest/globals'
import { ok, refuse } from '../../../src/runtime/result.js'
import type { WorkloadSource } from '../../../src/workloads/source.js'
import { parseSpiffeBundle } from '../../../src/workloads/spiffe-bundle.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import { NOW, testKey } from '../../support/certificates.js'
import { turnableClock } from '../../support/clock.js'
import { createTrustDomain } from '../../support/trust-domain.js'

const BROKER = 'https://errand.example.com'
const prod = createTrustDomain('prod.example.com')
const stage = createTrustDomain('stage.example.com')
const ID = `${prod.id}/payments/web`
const claims = { sub: ID, aud: BROKER, exp: NOW + 300 }

const sourceOf = (domain: typeof prod): WorkloadSource => ({
  name: domain.name.split('.')[0] ?? '',
  preset: 'spiffe',
  issuer: domain.id,
  trustDomain: domain.name,
  audiences: [BROKER],
  require: {},
  owner: 'platform',
  reuse: 'until_expiry',
  algorithms: ['ES256', 'RS256'],
  leeway: 30,
  keys: {},
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
})
const generic: WorkloadSource = {
  ...sourceOf(prod),
  name: 'ci',
  preset: 'generic',
  issuer: 'https://ci.example.com',
}
delete (generic as { trustDomain?: string }).trustDomain

const sets = new Map([prod, stage].map((domain) => [domain.id, parseSpiffeBundle(domain.bundle)?.keys]))
const verify = createWorkloadVerifier({
  sources: [sourceOf(prod), sourceOf(stage), generic],
  trustDomain: 'errand.example.com',
  ownIssuer: BROKER,
  clock: turnableClock(NOW),
  keys: {
    find: ({ issuer }, alg, kid) => {
      const key = sets.get(issuer)?.find(alg, kid)
      return Promise.resolve(key === undefined ? refuse('key_unknown' as const) : ok(key))
    },
  },
})
const outcome = async (assertion: string): Promise<string> => {
  const result = await verify(assertion)
  return result.ok ? result.value.issuer : result.refusal.reason
}

describe('a JWT-SVID that is believed', () => {
  test('becomes the workload that its SPIFFE ID names', async () => {
    expect(await verify(prod.jwtSvid(claims))).toMatchObject({
      ok: true,
      value: {
        source: 'prod',
        issuer: prod.id,
        subject: ID,
        anchor: { claim: 'sub', value: ID },
        sealed: {},
        assertion: { reuse: 'until_expiry', expiresAt: NOW + 300 },
      },
    })
  })

  test.each([
    ['without kid, of a trust domain with one key', {}, { kid: undefined }],
    ['without typ', {}, { typ: undefined }],
    ['typ JOSE', {}, { typ: 'JOSE' }],
    ['with an iss, which means nothing', { iss: 'https://spire.example.com' }, {}],
    ['with the trust domain as its iss', { iss: stage.id }, {}],
  ])('%s', async (_, changes, header) => {
    expect(await outcome(prod.jwtSvid({ ...claims, ...changes }, header))).toBe(prod.id)
  })

  test('each trust domain has its own keys', async () => {
    const of = `${stage.id}/payments/web`
    expect(await outcome(stage.jwtSvid({ ...claims, sub: of }))).toBe(stage.id)
  })
})

describe('a JWT-SVID that is refused', () => {
  test('of another trust domain: signed by one, named by the other', async () => {
    expect(await outcome(stage.jwtSvid(claims))).toBe('assertion_signature_invalid')
    expect(await outcome(prod.jwtSvid({ ...claims, sub: `${stage.id}/x` }))).toBe('assertion_signature_invalid')
    expect(await outcome(prod.jwtSvid({ ...claims, sub: 'spiffe://other.example.com/x' }))).toBe('assertion_malformed')
    const named = { ...claims, sub: 'spiffe://other.example.com/x', iss: prod.id }
    expect(await outcome(prod.jwtSvid(named))).toBe('assertion_issuer_unknown')
  })

  test('of our own trust domain, which is no source', async () => {
    expect(await outcome(prod.jwtSvid({ ...claims, sub: 'spiffe://errand.example.com/prod/x' }))).toBe(
      'assertion_malformed',
    )
    expect(() =>
      createWorkloadVerifier({
        sources: [sourceOf(prod)],
        trustDomain: prod.name,
        ownIssuer: BROKER,
        clock: turnableClock(NOW),
        keys: { find: () => Promise.resolve(refuse('key_unknown' as const)) },
      }),
    ).toThrow(/own trust domain/)
  })

  test('an iss that is configured decides, whatever sub says', async () => {
    expect(await outcome(prod.jwtSvid({ ...claims, iss: generic.issuer }))).toBe('assertion_key_unknown')
  })

  test.each([
    ['JWT-SVID §3.1: sub of the trust domain itself', { sub: prod.id }, 'assertion_malformed'],
    ['JWT-SVID §3.1: sub that is no SPIFFE ID', { sub: `${prod.id}/x/` }, 'assertion_malformed'],
    ['JWT-SVID §3.2: no aud', { aud: undefined }, 'assertion_claim_missing'],
    ['JWT-SVID §3.2: aud of another', { aud: ['reports'] }, 'assertion_audience_mismatch'],
    ['JWT-SVID §3.3: no exp', { exp: undefined }, 'assertion_claim_missing'],
    ['JWT-SVID §3.3: exp that has passed', { exp: NOW }, 'assertion_expired'],
    ['an iss that is no text', { iss: [prod.id] }, 'assertion_malformed'],
    ['an act', { act: { sub: 'x' } }, 'assertion_delegated'],
  ])('%s', async (_, changes, expected) => {
    expect(await outcome(prod.jwtSvid({ ...claims, ...changes }))).toBe(expected)
  })

  test.each([
    ['a parameter that JWT-SVIDs do not have', { jku: 'https://example.com' }],
    ['x5c', { x5c: ['AAAA'] }],
    ['typ at+jwt', { typ: 'at+jwt' }],
    ['typ in lower case', { typ: 'jwt' }],
  ])('JWT-SVID §2: %s in the header', async (_, header) => {
    expect(await outcome(prod.jwtSvid(claims, header))).toBe('assertion_malformed')
  })

  test('JWT-SVID §2.1: another algorithm, and JWT-SVID §4: another key', async () => {
    expect(await outcome(prod.jwtSvid(claims, { alg: 'EdDSA' }))).toBe('assertion_algorithm_not_allowed')
    expect(await outcome(prod.jwtSvid(claims, { alg: 'none' }))).toBe('assertion_malformed')
    expect(await outcome(prod.jwtSvid(claims, { kid: 'k2' }))).toBe('assertion_key_unknown')
    expect(await outcome(prod.jwtSvid(claims, {}, testKey()))).toBe('assertion_signature_invalid')
    // The root's key is for certificates alone, though it stands in the same bundle.
    expect(await outcome(prod.jwtSvid(claims, { kid: undefined }, prod.root.key))).toBe('assertion_signature_invalid')
  })
})
