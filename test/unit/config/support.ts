import { generateKeyPairSync } from 'node:crypto'
import { expect } from '@jest/globals'
import type { ConfigFault } from '../../../src/config/fault.js'
import { loadConfig } from '../../../src/config/load-config.js'
import type { Settings } from '../../../src/config/settings.js'
import type { Result } from '../../../src/runtime/result.js'

/** A certificate for errand.example.com that nobody trusts, its key, made for these tests alone. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkDCCATegAwIBAgIUWFv2abXjmUF0HWsx3uL3vO6/ecswCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSZXJyYW5kLmV4YW1wbGUuY29tMCAXDTI2MTEyMjAxNTMwM1oY
DzIxMjYxMDI5MDE1MzAzWjAdMRswGQYDVQQDDBJlcnJhbmQuZXhhbXBsZS5jb20w
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQYpvk3vWKxdk5IYB2y3WvODPF57d5T
JnPmJWUMWG1CZDS46S4GE6XfgcNdIuic6IZRy2COjJSDOfyFnBVoV0WGo1MwUTAd
BgNVHQ4EFgQUGEsVy/G363E2gHT8kmY0OPMybtowHwYDVR0jBBgwFoAUGEsVy/G3
63E2gHT8kmY0OPMybtowDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBE
AiBYr7hhlx4tzEtIbU5npEO3MJiEQIWTRD9D9zOkz6n7rwIgemVGkMpHJS2bhRPG
AU6vBDTIQzjZCBCVLln505CoWCM=
-----END CERTIFICATE-----
`
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc/baMfSDzg/H1095
Kbv3cgUp7sm9g0t06Pva+wiHuDuhRANCAAQYpvk3vWKxdk5IYB2y3WvODPF57d5T
JnPmJWUMWG1CZDS46S4GE6XfgcNdIuic6IZRy2COjJSDOfyFnBVoV0WG
-----END PRIVATE KEY-----
`

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const publicJwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }

const detailSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { type: { const: 'database_query' }, tables: { type: 'array', items: { type: 'string' } } },
  required: ['type', 'tables'],
  additionalProperties: false,
}

const json = (value: unknown): string => JSON.stringify(value)

/** The files that configurations of these tests name, by absolute path. */
export const files: ReadonlyMap<string, string> = new Map([
  ['/etc/errand/server.pem', CERTIFICATE],
  ['/etc/errand/server.key', KEY],
  ['/etc/errand/other.key', pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
  ['/etc/errand/ca.pem', CERTIFICATE],
  ['/etc/errand/empty', ''],
  ['/etc/errand/token', 'bearer'],
  ['/etc/errand/encryption.key', `${Buffer.alloc(32, 7).toString('base64')}\n`],
  ['/etc/errand/short.key', Buffer.alloc(31, 7).toString('base64')],
  ['/etc/errand/redis-password', 'p@ss:word\n'],
  ['/etc/errand/api.jwks.json', json({ keys: [publicJwk] })],
  ['/etc/errand/none.jwks.json', json({ keys: [] })],
  ['/etc/errand/list.jwks.json', json([publicJwk])],
  ['/etc/errand/unreadable.jwks.json', json({ keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] })],
  ['/etc/errand/private.jwks.json', json({ keys: [pair.privateKey.export({ format: 'jwk' })] })],
  ['/etc/errand/symmetric.jwks.json', json({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] })],
  ['/etc/errand/weak.jwks.json', json({ keys: [weak.publicKey.export({ format: 'jwk' })] })],
  // 2^64 + 1: each bit of an exponent is a multiplication.
  [
    '/etc/errand/costly.jwks.json',
    json({
      keys: [
        {
          ...weak.publicKey.export({ format: 'jwk' }),
          n: Buffer.alloc(256, 0xc5).toString('base64url'),
          e: 'AQAAAAAAAAAB',
        },
      ],
    }),
  ],
  ['/etc/errand/encryption.jwks.json', json({ keys: [{ ...publicJwk, use: 'enc' }] })],
  ['/etc/errand/twins.jwks.json', json({ keys: [publicJwk, publicJwk] })],
  ['/etc/errand/prod.bundle.json', json({ keys: [{ ...publicJwk, use: 'jwt-svid' }] })],
  ['/etc/errand/query.schema.json', json(detailSchema)],
  ['/etc/errand/other.schema.json', json({ ...detailSchema, description: 'another' })],
  ['/etc/errand/remote.schema.json', json({ type: 'object', $ref: 'https://example.com/schema.json' })],
  ['/etc/errand/loose.schema.json', json({ type: 'object', propertees: {} })],
])

/** A configuration as plain JSON. JSON is YAML. */
export type Draft = Record<string, unknown>

/** A sound configuration that has every section. */
export const sound = (): Draft => ({
  issuer: 'https://errand.example.com',
  trust_domain: 'errand.example.com',
  listen: [
    { host: '0.0.0.0', port: 8443, serve: ['api'], tls: { cert_file: 'server.pem', key_file: 'server.key' } },
    { host: '127.0.0.1', port: 9090, serve: ['metrics'] },
  ],
  store: { url: 'rediss://errand@redis.example.com:6379/1', password_env: 'REDIS_PASSWORD' },
  keys: { encryption_key_file: 'encryption.key', rotate_every: '7d' },
  workloads: [
    {
      name: 'github',
      preset: 'github-actions',
      issuer: 'https://token.actions.githubusercontent.com',
      audiences: ['https://errand.example.com'],
      require: { repository_owner_id: '42' },
      owner: 'platform',
    },
    {
      name: 'cluster',
      preset: 'kubernetes',
      issuer: 'https://kubernetes.default.svc',
      jwks_uri: 'https://kubernetes.default.svc/openid/v1/jwks',
      ca_file: 'ca.pem',
      token_file: 'token',
      audiences: ['errand'],
      owner: 'platform',
    },
    {
      name: 'agents',
      preset: 'generic',
      issuer: 'https://agents.example.com',
      audiences: ['errand'],
      owner: 'security',
      mapping: { anchor: 'sub', segments: ['team'], sealed: ['run_id'], started_by: 'user', delegate: ['team'] },
    },
  ],
  people: [
    {
      name: 'corp',
      issuer: 'https://login.example.com',
      audiences: ['errand'],
      client_id: 'errand',
      groups_claim: 'groups',
      same_person: 'email',
      links: { github: 'github_id' },
      require: { max_age: '15m' },
    },
  ],
  roles: { approver: ['platform', 'security'], operator: ['platform-admins'], auditor: ['audit'] },
  resources: [
    {
      audience: 'https://deploy.example.com',
      scopes: {
        'deploy:staging': {
          tier: 'low',
          allow: [{ issuer: 'https://token.actions.githubusercontent.com', claims: { repository_id: '74' } }],
        },
        'deploy:production': 'critical',
      },
      authorization_details: { database_query: { tier: 'critical', schema_file: './query.schema.json' } },
      credentials: ['jwt'],
      clients: [{ id: 'deploy-api', auth: 'private_key_jwt', jwks_file: './api.jwks.json' }],
    },
  ],
  tiers: {
    low: { approval: 'policy', max_ttl: '15m' },
    critical: {
      approval: [
        { group: 'platform', count: 1 },
        { group: 'security', count: 1 },
      ],
      signed: false,
      separation: 'strict',
      max_ttl: '5m',
      fresh: '10m',
      decide_within: '1h',
      max_window: '30d',
    },
  },
})

/** The same for one machine: what only loopback may have. */
export const local = (): Draft => ({
  ...sound(),
  issuer: 'http://127.0.0.1:8080',
  listen: [{ host: '127.0.0.1', port: 8080, serve: ['api'] }],
  store: { url: 'embedded:./data' },
  people: [{ name: 'local', preset: 'local', groups: ['platform'] }],
})

export const load = (config: unknown): Result<Settings, readonly ConfigFault[]> =>
  loadText(typeof config === 'string' ? config : JSON.stringify(config))

const loadText = (text: string): Result<Settings, readonly ConfigFault[]> =>
  loadConfig(text, {
    directory: '/etc/errand',
    readFile(path) {
      const content = files.get(path)
      if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return Buffer.from(content)
    },
    env: { REDIS_PASSWORD: 'from the environment', EMPTY: '' },
  })

/** @throws with all faults, where there are any */
export function settingsOf(config: unknown): Settings {
  const loaded = load(config)
  expect(loaded.ok ? [] : loaded.refusal).toEqual([])
  if (!loaded.ok) throw new Error('unreachable')
  return loaded.value
}

export function faultsOf(config: unknown): readonly ConfigFault[] {
  const loaded = load(config)
  return loaded.ok ? [] : loaded.refusal
}

/** Places as faults name them (`tiers.low.max_ttl`, `resources[0].scopes["a:b"]`) to new values; `undefined` takes out. */
export type Changes = Readonly<Record<string, unknown>>

export function changed(base: Draft, changes: Changes): Draft {
  for (const [place, value] of Object.entries(changes)) {
    const steps = stepsOf(place)
    const last = steps.pop() ?? ''
    const parent = steps.reduce<unknown>((node, step) => (node as Record<string, unknown>)[step], base) as Draft
    if (value === undefined) Reflect.deleteProperty(parent, last)
    else parent[last] = structuredClone(value)
  }
  return base
}

const stepsOf = (place: string): string[] =>
  [...place.matchAll(/\["([^"]+)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, plain]) => quoted ?? index ?? plain ?? '',
  )
