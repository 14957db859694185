import { createHmac } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import type { AssertionRefusal } from '../../../src/workloads/assertion-refusal.js'
import type { VerifyWorkload } from '../../../src/workloads/verify-workload.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import type { WorkloadSource } from '../../../src/workloads/source.js'
import type { Workload } from '../../../src/workloads/workload.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import type { OfflineIssuer } from '../../support/offline-issuer.js'
import { createOfflineIssuer } from '../../support/offline-issuer.js'

const ISSUER = 'https://ci.example.com'
const BROKER = 'https://errand.example.com'
const NOW = TEST_EPOCH
const clock = turnableClock()

const source: WorkloadSource = {
  name: 'ci',
  preset: 'generic',
  issuer: ISSUER,
  audiences: [BROKER, 'errand'],
  require: {},
  owner: 'platform',
  reuse: 'once',
  algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  leeway: 30,
  keys: {},
  mapping: { anchor: 'project', segments: ['stage'], sealed: ['run'], startedBy: 'user', delegate: ['stage'] },
}
const claims = {
  sub: 'job:1',
  aud: BROKER,
  exp: NOW + 300,
  iat: NOW,
  nbf: NOW,
  jti: 'j1',
  project: 7,
  run: 'r1',
  user: 'u1',
}

let issuer: OfflineIssuer
let verify: VerifyWorkload

const verifierOf = (
  changes: Partial<WorkloadSource> = {},
  others: { peopleAudiences?: ReadonlyMap<string, string[]> } = {},
) =>
  createWorkloadVerifier({
    sources: [{ ...source, ...changes }],
    trustDomain: 'errand.example.com',
    ownIssuer: BROKER,
    clock,
    keys: issuer.keys,
    ...others,
  })

async function refusalOf(assertion: string, verifier = verify): Promise<AssertionRefusal['reason'] | 'believed'> {
  const result = await verifier(assertion)
  return result.ok ? 'believed' : result.refusal.reason
}

async function workloadOf(assertion: string, verifier = verify): Promise<Workload> {
  const result = await verifier(assertion)
  if (!result.ok) throw new Error(JSON.stringify(result.refusal))
  return result.value
}

beforeAll(async () => {
  issuer = await createOfflineIssuer(ISSUER, ['ES256', 'RS256', 'PS256', 'EdDSA', 'ES384'])
  verify = verifierOf()
})

describe('an assertion that is believed', () => {
  test('becomes a workload', async () => {
    expect(await workloadOf(await issuer.sign({ ...claims, stage: 'production' }))).toEqual({
      source: 'ci',
      preset: 'generic',
      issuer: ISSUER,
      subject: 'job:1',
      spiffeId: 'spiffe://errand.example.com/ci/7/production',
      anchor: { claim: 'project', value: '7' },
      sealed: { run: 'r1' },
      startedBy: { id: 'u1' },
      claims: { iss: ISSUER, ...claims, stage: 'production' },
      delegateClaims: { project: '7', stage: 'production' },
      description: 'job:1',
      owner: 'platform',
      shard: expect.any(Number),
      assertion: { key: expect.stringMatching(/^[\w-]{43}$/), expiresAt: NOW + 300, reuse: 'once' },
    })
  })

  test.each(['ES256', 'RS256', 'PS256', 'EdDSA'])('signed with %s', async (alg) => {
    expect(await refusalOf(await issuer.sign(claims, { alg }))).toBe('believed')
  })

  test.each([
    ['one of our audiences among others', { aud: ['other', 'errand'] }],
    ['no jti', { jti: undefined }],
    ['no iat and no nbf', { iat: undefined, nbf: undefined }],
    ['nbf and iat within the leeway', { nbf: NOW + 30, iat: NOW + 30 }],
    ['one second left', { exp: NOW + 1 }],
    ['times with fractions', { exp: NOW + 1.5, iat: NOW - 0.5 }],
    ['no stage', { stage: undefined }],
    ['a null stage', { stage: null }],
  ])('with %s', async (_name, changes) => {
    expect(await refusalOf(await issuer.sign({ ...claims, ...changes }))).toBe('believed')
  })

  test.each([
    ['no kid, of an issuer with one key of the algorithm', { kid: undefined }],
    ['no typ', { typ: undefined }],
    ['typ in lower case', { typ: 'jwt' }],
    ['RFC 9068 §2.1: typ at+jwt', { typ: 'at+jwt' }],
    ['typ as a media type', { typ: 'application/jwt' }],
  ])('with %s', async (_name, header) => {
    expect(await refusalOf(await issuer.sign(claims, header))).toBe('believed')
  })
})

describe('RFC 7519 §4.1: claims', () => {
  const table: readonly [name: string, changes: Record<string, unknown>, reason: string][] = [
    ['no aud', { aud: undefined }, 'assertion_claim_missing'],
    ['another aud', { aud: 'https://other.example.com' }, 'assertion_audience_mismatch'],
    ['an empty list of audiences', { aud: [] }, 'assertion_audience_mismatch'],
    ['part of our aud', { aud: 'https://errand.example.co' }, 'assertion_audience_mismatch'],
    ['an aud that is no text', { aud: [BROKER, 1] }, 'assertion_malformed'],
    ['an aud within a list within a list', { aud: [[BROKER]] }, 'assertion_malformed'],
    ['no exp', { exp: undefined }, 'assertion_claim_missing'],
    ['an exp that is a text', { exp: String(NOW + 300) }, 'assertion_malformed'],
    ['an exp beyond all calendars', { exp: 1e300 }, 'assertion_malformed'],
    ['exp now: there is no leeway', { exp: NOW }, 'assertion_expired'],
    ['exp within what is leeway for others', { exp: NOW - 1 }, 'assertion_expired'],
    ['nbf beyond the leeway', { nbf: NOW + 31 }, 'assertion_not_yet_valid'],
    ['iat beyond the leeway', { iat: NOW + 31 }, 'assertion_not_yet_valid'],
    ['an nbf that is no time', { nbf: 'x' }, 'assertion_malformed'],
    ['a null iat', { iat: null }, 'assertion_malformed'],
    ['no sub', { sub: undefined }, 'assertion_claim_missing'],
    ['an empty sub', { sub: '' }, 'assertion_malformed'],
    ['a sub that is no text', { sub: 1 }, 'assertion_malformed'],
    ['a sub in a list', { sub: ['job:1'] }, 'assertion_malformed'],
    ['an endless sub', { sub: 'x'.repeat(1025) }, 'assertion_malformed'],
    ['a sub with a line end', { sub: 'job:1\njob:2' }, 'assertion_malformed'],
    ['a jti that is no text', { jti: 1 }, 'assertion_malformed'],
    ['an empty jti', { jti: '' }, 'assertion_malformed'],
    ['another issuer', { iss: 'https://other.example.com' }, 'assertion_issuer_unknown'],
    ['our own issuer', { iss: BROKER }, 'assertion_issuer_unknown'],
    ['no issuer', { iss: undefined }, 'assertion_malformed'],
    ['an issuer in a list', { iss: [ISSUER] }, 'assertion_malformed'],
    ['an issuer that objects have', { iss: '__proto__' }, 'assertion_issuer_unknown'],
    ['an issuer with a slash more', { iss: `${ISSUER}/` }, 'assertion_issuer_unknown'],
    ['RFC 8693 §4.1: act', { act: { sub: 'x' } }, 'assertion_delegated'],
    ['a null act', { act: null }, 'assertion_delegated'],
    ['RFC 7800: cnf, without a proof', { cnf: { jkt: 'x' } }, 'assertion_claim_not_accepted'],
  ]
  test.each(table)('%s is refused', async (_name, changes, reason) => {
    expect(await refusalOf(await issuer.sign({ ...claims, ...changes }))).toBe(reason)
  })

  test('maximum age counts from iat, without leeway', async () => {
    const verifier = verifierOf({ maxAge: 60 })
    expect(await refusalOf(await issuer.sign({ ...claims, iat: NOW - 60 }), verifier)).toBe('believed')
    expect(await refusalOf(await issuer.sign({ ...claims, iat: NOW - 61 }), verifier)).toBe('assertion_too_old')
    expect(await refusalOf(await issuer.sign({ ...claims, iat: undefined }), verifier)).toBe('assertion_claim_missing')
  })

  test('contract §1: a token for people and machines at once is for neither', async () => {
    const verifier = verifierOf({}, { peopleAudiences: new Map([[ISSUER, ['console']]]) })
    expect(await refusalOf(await issuer.sign({ ...claims, aud: [BROKER, 'console'] }), verifier)).toBe(
      'assertion_audience_mismatch',
    )
    expect(await refusalOf(await issuer.sign({ ...claims, aud: [BROKER, 'elsewhere'] }), verifier)).toBe('believed')
  })
})

describe('what the source asks for', () => {
  test('require: every pattern matches', async () => {
    const verifier = verifierOf({ require: { project: '7', '/org/id': '4*' } })
    expect(await refusalOf(await issuer.sign({ ...claims, org: { id: 42 } }), verifier)).toBe('believed')
    expect(await refusalOf(await issuer.sign({ ...claims, org: { id: 52 } }), verifier)).toBe(
      'assertion_claim_not_accepted',
    )
    expect(await refusalOf(await issuer.sign(claims), verifier)).toBe('assertion_claim_missing')
    expect(await refusalOf(await issuer.sign({ ...claims, org: { id: ['42'] } }), verifier)).toBe(
      'assertion_claim_missing',
    )
  })

  test.each([
    ['no anchor', { project: undefined }, 'assertion_claim_missing'],
    ['an anchor that is no text', { project: ['7'] }, 'assertion_claim_not_accepted'],
    ['an anchor that may have lost digits', { project: 2 ** 60 }, 'assertion_claim_not_accepted'],
    ['an empty anchor', { project: '' }, 'assertion_claim_not_accepted'],
    ['no sealed claim', { run: undefined }, 'assertion_claim_missing'],
    ['a null sealed claim', { run: null }, 'assertion_claim_not_accepted'],
    ['a stated claim that is a list', { stage: ['production'] }, 'assertion_claim_not_accepted'],
    ['a stated claim that is endless', { stage: 'x'.repeat(1025) }, 'assertion_claim_not_accepted'],
  ])('%s is refused', async (_name, changes, reason) => {
    expect(await refusalOf(await issuer.sign({ ...claims, ...changes }))).toBe(reason)
  })

  test('a source that names people and names nobody here: unknown', async () => {
    expect((await workloadOf(await issuer.sign({ ...claims, user: undefined }))).startedBy).toBe('unknown')
    const { startedBy: _none, ...mapping } = source.mapping
    expect(await workloadOf(await issuer.sign(claims), verifierOf({ mapping }))).not.toHaveProperty('startedBy')
  })
})

describe('RFC 7515, RFC 8725: the envelope', () => {
  test.each([
    ['§4.1.11: crit', { crit: ['exp'], exp: 1 }],
    ['RFC 7797: b64', { b64: true }],
    ['a kid that is no text', { kid: 1 }],
    ['an endless kid', { kid: 'x'.repeat(513) }],
    ['RFC 9449 §4.2: typ dpop+jwt', { typ: 'dpop+jwt' }],
    ['RFC 8417 §2.3: typ secevent+jwt', { typ: 'secevent+jwt' }],
    ['typ logout+jwt', { typ: 'logout+jwt' }],
    ['a null typ', { typ: null }],
    ['a typ in a list', { typ: ['JWT'] }],
  ])('a header with %s is refused', async (_name, header) => {
    const [, payload] = (await issuer.sign(claims)).split('.')
    const text = JSON.stringify({ alg: 'ES256', kid: 'kid-ES256', ...header })
    expect(await refusalOf(`${Buffer.from(text).toString('base64url')}.${payload ?? ''}.AA`)).toBe(
      'assertion_malformed',
    )
  })

  test.each(['none', 'None', 'HS256', 'HS512', '', 'RSA-OAEP', 'ES256K', '__proto__'])(
    'RFC 8725 §3.1: alg %j is refused, signed or not',
    async (alg) => {
      const payload = (await issuer.sign(claims)).split('.')[1] ?? ''
      const input = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${payload}`
      const publicKey = JSON.stringify(issuer.jwks.keys[0])
      const signature = createHmac('sha256', publicKey).update(input).digest('base64url')
      expect(await refusalOf(`${input}.${signature}`)).toBe('assertion_malformed')
      expect(await refusalOf(`${input}.`)).toBe('assertion_malformed')
    },
  )

  test('an algorithm that this issuer is not allowed', async () => {
    expect(await refusalOf(await issuer.sign(claims, { alg: 'ES384' }))).toBe('assertion_algorithm_not_allowed')
  })

  test('a key that the issuer does not have', async () => {
    expect(await refusalOf(await issuer.sign(claims, { kid: 'other' }))).toBe('assertion_key_unknown')
    expect(await refusalOf(await issuer.sign(claims, { alg: 'ES256', kid: 'kid-RS256' }))).toBe('assertion_key_unknown')
  })

  test('a signature over something else', async () => {
    const [header, , signature] = (await issuer.sign(claims)).split('.')
    const payload = Buffer.from(JSON.stringify({ iss: ISSUER, ...claims, project: 8 })).toString('base64url')
    expect(await refusalOf(`${header ?? ''}.${payload}.${signature ?? ''}`)).toBe('assertion_signature_invalid')
  })

  test.each<[string, (token: string) => string]>([
    ['white space before it', (token) => ` ${token}`],
    ['a line end after it', (token) => `${token}\n`],
    ['padding', (token) => `${token}==`],
    ['two parts', (token) => token.slice(0, token.lastIndexOf('.'))],
    ['four parts', (token) => `${token}.`],
    ['five parts', (token) => `${token}..`],
    ['nothing', () => ''],
  ])('%s is refused', async (_name, change) => {
    expect(await refusalOf(change(await issuer.sign(claims)))).toBe('assertion_malformed')
  })

  test('contract §1: 16 KiB are enough', async () => {
    const sized = (length: number): Promise<string> => issuer.sign({ ...claims, padding: 'x'.repeat(length) })
    const [small, large] = [await sized(11_900), await sized(12_100)]
    expect([small.length <= 16_384, large.length > 16_384]).toEqual([true, true])
    expect(await refusalOf(small)).toBe('believed')
    expect(await refusalOf(large)).toBe('assertion_malformed')
  })

  test('RFC 7515 §2: the tail of the signature cannot be varied', async () => {
    const token = await issuer.sign(claims, { alg: 'RS256' })
    const bytes = (text: string): Buffer => Buffer.from(text.slice(text.lastIndexOf('.') + 1), 'base64url')
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const neighbour = alphabet.charAt(alphabet.indexOf(last) ^ 1)
    expect(bytes(token.slice(0, -1) + neighbour)).toEqual(bytes(token))
    expect(await refusalOf(token.slice(0, -1) + neighbour)).toBe('assertion_malformed')
  })

  test.each([
    ['a claim twice', `{"iss":"${ISSUER}","sub":"a","sub":"b"}`],
    ['a list', '[]'],
    ['33 levels', `{"iss":"${ISSUER}","a":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['no JSON', 'x'],
  ])('a payload with %s is refused', async (_name, payload) => {
    expect(await refusalOf(await issuer.signText(payload))).toBe('assertion_malformed')
  })

  test('RFC 7515 §4.1: keys in the header are nobody’s keys', async () => {
    const stranger = await createOfflineIssuer(ISSUER)
    const jwk = { ...stranger.jwks.keys[0], kid: 'kid-ES256' }
    const header = { jwk, jku: 'https://evil.example.com', x5u: 'https://evil.example.com', x5c: ['AA'] }
    expect(await refusalOf(await stranger.sign(claims, header))).toBe('assertion_signature_invalid')
  })
})

describe('what identifies an assertion', () => {
  const keyOf = async (changes: Record<string, unknown>): Promise<string> =>
    (await workloadOf(await issuer.sign({ ...claims, ...changes }))).assertion.key

  test('its jti, whatever else it says', async () => {
    expect(await keyOf({})).toBe(await keyOf({ extra: 1 }))
    expect(await keyOf({})).not.toBe(await keyOf({ jti: 'j2' }))
  })

  test('where there is none, all that is signed; two signatures over it are one assertion', async () => {
    expect(await keyOf({ jti: undefined })).toBe(await keyOf({ jti: undefined }))
    expect(await keyOf({ jti: undefined })).not.toBe(await keyOf({ jti: undefined, extra: 1 }))
  })

  test('a jti that looks like content is not content', async () => {
    const token = await issuer.sign({ ...claims, jti: undefined })
    const content = token.slice(0, token.lastIndexOf('.'))
    expect((await workloadOf(token)).assertion.key).not.toBe(await keyOf({ jti: content }))
  })
})

describe('sources that must not load', () => {
  const build = (sources: readonly WorkloadSource[]) => () =>
    createWorkloadVerifier({ sources, trustDomain: 'errand.example.com', ownIssuer: BROKER, clock, keys: issuer.keys })

  test.each<[string, WorkloadSource[]]>([
    ['two of one issuer', [source, { ...source, name: 'other' }]],
    ['our own issuer', [{ ...source, issuer: BROKER }]],
    ['a require that is no pattern', [{ ...source, require: { sub: 'x\\' } }]],
    ['a name that leaves no room in the SPIFFE id', [{ ...source, name: 'x'.repeat(100) }]],
  ])('%s', (_name, sources) => {
    expect(build(sources)).toThrow()
  })
})
