import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { JWK } from 'jose'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { runOutside } from '../../support/outside.js'
import { aws, azure, discovery, google, kubernetes, vault, type Rules, type Seen } from './rules.js'

/** As the world knows it: a proxy in front terminates TLS. */
const ISSUER = 'https://errand.example.com'
const SUBJECT = 'spiffe://errand.test/ci/74'
const AUDIENCE = {
  aws: 'sts.amazonaws.com',
  google:
    'https://iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/errand/providers/errand',
  azure: 'api://AzureADTokenExchange',
  vault: 'https://vault.example.com',
  kubernetes: 'https://cluster.example.com',
} as const
type Party = keyof typeof AUDIENCE

const RULES: Readonly<Record<Party, Rules>> = { aws, google, azure, vault, kubernetes }
/** As docs/federation.md says. */
const ALGORITHM: Readonly<Record<Party, string>> = {
  aws: 'ES256',
  google: 'ES256',
  azure: 'RS256',
  vault: 'ES256',
  kubernetes: 'ES256',
}
const PARTIES = Object.keys(AUDIENCE) as Party[]

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker({
    config: ({ listen, workloads: [ci], resources: [first] }) => {
      const allow = [{ issuer: ci?.issuer, claims: { repository_id: '74' } }]
      return {
        issuer: ISSUER,
        listen: listen.map((entry) => ({ ...entry, serve: ['api'], behind_proxy: true })),
        resources: [
          first,
          ...PARTIES.map((party) => ({
            audience: AUDIENCE[party],
            ...(party === 'azure' && { signing_alg: 'RS256' }),
            scopes: { federate: { tier: 'low', allow } },
          })),
          { audience: 'https://both.example.com', signing_alg: 'RS256', scopes: { federate: { tier: 'low', allow } } },
        ],
      }
    },
  })
})
afterAll(() => broker.stop())

async function tokenFor(audience: string): Promise<string> {
  const form = exchangeForm(await broker.assertion(), { audience, scope: 'federate' })
  const { status, body } = await broker.post('/token', form)
  expect({ status, ...body }).toMatchObject({ status: 200 })
  return String(body['access_token'])
}

async function documents() {
  const configuration = await broker.fetch('/.well-known/openid-configuration')
  const jwks = await broker.fetch('/jwks')
  return { configuration, jwks, keys: (jwks.body as { keys: readonly JWK[] }).keys }
}

async function seenBy(party: Party, audience: string = AUDIENCE[party]): Promise<Seen> {
  const token = await tokenFor(audience)
  const { configuration, keys } = await documents()
  return {
    issuer: ISSUER,
    configuration: configuration.body,
    keys,
    token,
    header: { ...decodeProtectedHeader(token) },
    claims: { ...decodeJwt(token) },
    audience,
    subject: SUBJECT,
    now: Math.floor(Date.now() / 1000),
  }
}

const broken = (verdict: Readonly<Record<string, boolean>>): readonly string[] =>
  Object.entries(verdict).flatMap(([rule, holds]) => (holds ? [] : [rule]))

describe('the documents that clouds read', () => {
  test('OpenID Connect Discovery §3: exactly the members that federation reads, with values that it accepts', async () => {
    const { configuration } = await documents()
    expect(configuration.body).toEqual({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      jwks_uri: `${ISSUER}/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      claims_supported: expect.arrayContaining(['iss', 'sub', 'aud', 'exp', 'iat']),
    })
  })

  test('RFC 7517 §4: each key has kty, use, alg, kid and what its kind needs, and nothing else', async () => {
    const { keys } = await documents()
    const common = { kid: expect.stringMatching(/^[\w-]{43}$/), use: 'sig' }
    const text = expect.stringMatching(/^[\w-]+$/)
    for (const key of keys)
      expect(key).toEqual(
        key.kty === 'RSA'
          ? { ...common, kty: 'RSA', alg: 'RS256', n: expect.stringMatching(/^[\w-]{342}$/), e: 'AQAB' }
          : { ...common, kty: 'EC', alg: 'ES256', crv: 'P-256', x: text, y: text },
      )
    expect(new Set(keys.map(({ alg }) => alg))).toEqual(new Set(['ES256', 'RS256']))
  })

  test('RFC 9111 §5.2: both may be kept, the keys for no longer than a new one is published before it signs', async () => {
    const { configuration, jwks } = await documents()
    expect(configuration.headers.get('cache-control')).toBe('public, max-age=300')
    expect(jwks.headers.get('cache-control')).toBe('public, max-age=60')
    for (const { headers } of [configuration, jwks]) {
      expect(headers.get('content-type')).toMatch(/^application\/json/)
      expect(headers.get('etag')).toMatch(/^"/)
    }
  })
})

describe.each(PARTIES)("%s takes a broker's JWT, by the rules of its documentation", (party) => {
  test('as docs/federation.md configures it', async () => {
    const seen = await seenBy(party)
    expect(seen.header).toEqual({ typ: 'at+jwt', alg: ALGORITHM[party], kid: expect.any(String) })
    expect(broken({ ...discovery(seen), ...RULES[party](seen) })).toEqual([])
  })
})

describe('what docs/federation.md warns of', () => {
  test('Azure takes RS256 alone: the default does not do', async () => {
    const seen = await seenBy('azure', AUDIENCE.aws)
    expect(broken(azure(seen))).toEqual(['the algorithm is RS256'])
  })

  test.each(['aws', 'google'] as const)('%s takes RS256 as well', async (party) => {
    const seen = await seenBy(party, AUDIENCE.azure)
    expect(seen.header['alg']).toBe('RS256')
    expect(broken({ ...discovery(seen), ...RULES[party](seen) })).toEqual([])
  })

  test('another workload of the same broker is another subject', async () => {
    const seen = await seenBy('aws')
    expect(broken(aws({ ...seen, subject: 'spiffe://errand.test/ci/75' }))).toEqual([
      'sub is equal, 6 to 255 characters',
    ])
  })
})

describe('relying parties that know nothing but the issuer', () => {
  test.each(['ES256', 'RS256'] as const)('%s: three libraries verify by discovery alone', async (alg) => {
    const audience = alg === 'ES256' ? AUDIENCE.aws : AUDIENCE.azure
    const good = await tokenFor(audience)
    const [head = '', body = '', signature = ''] = good.split('.')
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(good), sub: 'spiffe://errand.test/ci/75' })).toString(
      'base64url',
    )
    const unsigned = Buffer.from(JSON.stringify({ typ: 'at+jwt', alg: 'none' })).toString('base64url')
    const otherAlg = { ...decodeProtectedHeader(good), alg: alg === 'ES256' ? 'RS256' : 'ES256' }
    const verdicts = await runOutside('federate', {
      issuer: ISSUER,
      origin: broker.url,
      audience,
      tokens: {
        good,
        elsewhere: await tokenFor('https://both.example.com'),
        forged: `${head}.${forged}.${signature}`,
        unsigned: `${unsigned}.${body}.`,
        confused: `${Buffer.from(JSON.stringify(otherAlg)).toString('base64url')}.${body}.${signature}`,
      },
    })
    expect(verdicts['good']).toEqual({ jose: 'accepted', oauth4webapi: 'accepted', jsonwebtoken: 'accepted' })
    for (const name of ['elsewhere', 'forged', 'unsigned', 'confused']) {
      const verdict = verdicts[name] as Readonly<Record<string, string>>
      expect(Object.keys(verdict)).toEqual(['jose', 'oauth4webapi', 'jsonwebtoken'])
      expect(Object.values(verdict)).not.toContain('accepted')
    }
  })
})
