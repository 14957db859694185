import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { sha256Hex } from '../../../src/runtime/digest.js'
import { CLIENT_ASSERTION_TYPE, DEPLOY, exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { startIssuer, type TestIssuer } from '../../support/issuer.js'

/** What the endpoints beside the exchange owe to their standards, clause by clause: docs/rfc-compliance.md names them. */
const OTHER = 'https://other.example.com'
/** RFC 6749 §2.3.1: such characters are encoded before id and secret are joined. */
const SECRET = 'a secret with : and % and +'
const HINT = 'urn:ietf:params:oauth:token-type:refresh_token'

let broker: TestBroker
let ci: TestIssuer
let folder: string
let clientKey: CryptoKey
let runs = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-rfc-'))
  const pair = await generateKeyPair('ES256')
  clientKey = pair.privateKey
  const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', use: 'sig', alg: 'ES256' }] }
  writeFileSync(join(folder, 'deploy-api.jwks.json'), JSON.stringify(jwks))
  ci = await startIssuer()
  const tier = () => ({ tier: 'low', allow: [{ issuer: ci.url, claims: { sub: 'shop' } }] })
  broker = await startBroker({
    config: {
      workloads: [
        {
          name: 'machines',
          preset: 'generic',
          issuer: ci.url,
          audiences: ['errand'],
          owner: 'platform',
          mapping: { anchor: 'sub', sealed: ['run_id'] },
        },
      ],
      people: [],
      roles: { approver: ['platform'] },
      resources: [
        {
          audience: DEPLOY,
          scopes: { 'deploy:staging': tier() },
          clients: [{ id: 'deploy-api', auth: 'private_key_jwt', jwks_file: join(folder, 'deploy-api.jwks.json') }],
        },
        {
          audience: OTHER,
          scopes: { read: tier() },
          clients: [{ id: 'other-api', auth: 'client_secret_basic', secret_sha256: sha256Hex(SECRET) }],
        },
      ],
      tiers: { low: { approval: 'policy', max_ttl: '15m' } },
    },
  })
})
afterAll(async () => {
  await broker.stop()
  await ci.stop()
  rmSync(folder, { recursive: true })
})

const assertion = () => {
  const iat = Math.floor(Date.now() / 1000)
  return ci.sign({ sub: 'shop', aud: 'errand', iat, exp: iat + 300, jti: randomUUID(), run_id: `run-${++runs}` })
}

async function credential(form: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await broker.post('/token', exchangeForm(await assertion(), form))
  expect(answer).toMatchObject({ status: 200 })
  return String(answer.body['access_token'])
}

const basic = (secret = SECRET, id = 'other-api'): Record<string, string> => ({
  Authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`,
})

/** RFC 7523 §3, with these claims in place of what is right. */
async function clientAssertion(claims: Readonly<Record<string, unknown>> = {}, key = clientKey) {
  const iat = Math.floor(Date.now() / 1000)
  const right = { iss: 'deploy-api', sub: 'deploy-api', aud: broker.url, iat, exp: iat + 60, jti: randomUUID() }
  const signed = new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key)
  return { client_assertion: await signed, client_assertion_type: CLIENT_ASSERTION_TYPE }
}

const introspect = async (token: string) => broker.post('/introspect', { token, ...(await clientAssertion()) })

describe('RFC 6749: the token endpoint', () => {
  test('RFC 6749 §3.2: it takes POST alone', async () => {
    const answer = await fetch(`${broker.url}/token?grant_type=client_credentials`)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('RFC 6749 §3.2: a parameter without a value is as if it were absent, one that nobody knows is ignored', async () => {
    const form = exchangeForm(await assertion(), { lifetime: '', actor_token: '', task: '', favourite_colour: 'blue' })
    expect(await broker.post('/token', form)).toMatchObject({ status: 200 })
  })

  test('RFC 6749 §3.2: a parameter that is repeated is invalid_request', async () => {
    const body = new URLSearchParams(exchangeForm(await assertion()))
    body.append('lifetime', '60')
    body.append('lifetime', '61')
    const answer = await fetch(`${broker.url}/token`, { method: 'POST', body })
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_request' }])
  })

  test('RFC 6749 §5.1: a credential is JSON that nobody on the way keeps', async () => {
    const answer = await broker.post('/token', exchangeForm(await assertion(), { lifetime: '60' }))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('pragma')).toBe('no-cache')
    expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 60, scope: 'deploy:staging' })
    expect(answer.body['access_token']).toEqual(expect.any(String))
  })

  const refusals = [
    ['invalid_request', 400, () => exchangeForm('not an assertion')],
    ['unsupported_grant_type', 400, async () => exchangeForm(await assertion(), { grant_type: 'password' })],
    ['invalid_scope', 400, async () => exchangeForm(await assertion(), { scope: 'no "such" scope' })],
    ['invalid_target', 400, async () => exchangeForm(await assertion(), { audience: 'urn:nobody' })],
    ['invalid_client', 401, () => ({ grant_type: 'client_credentials', audience: DEPLOY, scope: 'deploy:staging' })],
  ] as const

  test.each(refusals)(
    'RFC 6749 §5.2: %s is %i, JSON, and says why in its small alphabet',
    async (error, status, form) => {
      const answer = await broker.post('/token', await form())
      expect(answer).toMatchObject({ status, body: { error } })
      expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.body['error_description']).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/)
    },
  )

  test.each(['Basic', 'Bearer', 'DPoP'])(
    'RFC 6749 §5.2: who authenticates by a header gets 401 and a challenge of the scheme that was used: %s',
    async (scheme) => {
      const headers = { Authorization: `${scheme} c2hvcDpzZWNyZXQ=` }
      const answer = await broker.post('/token', exchangeForm(await assertion()), headers)
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
      expect(answer.headers.get('www-authenticate')).toMatch(new RegExp(`^${scheme} `))
    },
  )
})

describe('RFC 6750: Bearer tokens at the JSON endpoints', () => {
  test('RFC 6750 §3: without a token the challenge has no error code, and a parameter all the same', async () => {
    const answer = await broker.call('GET', '/grants')
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="errand", DPoP algs="[\w ]+"$/)
  })

  test('RFC 6750 §3.1: a token that is not acceptable is invalid_token', async () => {
    const answer = await broker.call('GET', '/grants', 'not-a-token')
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
  })

  test('RFC 6750 §2.2 and §2.3: a token in the query or in a form is not read', async () => {
    const token = await assertion()
    expect((await broker.call('GET', `/grants?access_token=${token}`)).status).toBe(400)
    const form = await fetch(`${broker.url}/grants`, {
      method: 'POST',
      body: new URLSearchParams({ access_token: token }),
    })
    expect(form.status).toBe(415)
    expect((await broker.call('GET', '/grants', token)).status).toBe(200)
  })
})

describe('RFC 7009: revocation', () => {
  test('RFC 7009 §2.1: the token that is sent has ended, whatever the hint says of it', async () => {
    const token = await credential()
    expect((await introspect(token)).body).toMatchObject({ active: true })
    expect(await broker.post('/revoke', { token, token_type_hint: HINT })).toMatchObject({ status: 200 })
    expect((await introspect(token)).body).toEqual({ active: false })
  })

  test('RFC 7009 §2.2: what is unknown, malformed or has ended is answered as what was live', async () => {
    const token = await credential()
    const first = await broker.post('/revoke', { token })
    const foreign = await ci.sign({ sub: 'shop', aud: DEPLOY })
    for (const other of [token, 'unknown', foreign, `${token}x`, 'dc'])
      expect(await broker.post('/revoke', { token: other })).toMatchObject({ status: first.status, body: first.body })
    expect(first.status).toBe(200)
  })

  test('RFC 7009 §2.1: without a token, or with two, it is invalid_request', async () => {
    expect(await broker.post('/revoke', {})).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    const body = new URLSearchParams([
      ['token', 'a'],
      ['token', 'b'],
    ])
    expect((await fetch(`${broker.url}/revoke`, { method: 'POST', body })).status).toBe(400)
  })
})

describe('RFC 7662: introspection', () => {
  test('RFC 7662 §2.2: a live credential is active, with its claims', async () => {
    const token = await credential()
    const answer = await introspect(token)
    expect(answer).toMatchObject({
      status: 200,
      body: { active: true, iss: broker.url, aud: DEPLOY, scope: 'deploy:staging', token_type: 'Bearer' },
    })
    for (const member of ['sub', 'client_id', 'exp', 'iat', 'nbf', 'jti']) expect(answer.body).toHaveProperty(member)
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('RFC 7662 §2.2 and §4: of anything else it says that it is not active, and nothing more', async () => {
    const forOther = await credential({ audience: OTHER, scope: 'read' })
    const foreign = await ci.sign({ sub: 'shop', aud: DEPLOY })
    for (const token of [forOther, foreign, 'unknown', `${await credential()}x`])
      expect(await introspect(token)).toMatchObject({ status: 200, body: { active: false } })
    expect(Object.keys((await introspect(forOther)).body)).toEqual(['active'])
    expect((await broker.post('/introspect', { token: forOther }, basic())).body).toMatchObject({ active: true })
  })

  test('RFC 7662 §2.1: without a token it is invalid_request; GET is not served', async () => {
    expect(await broker.post('/introspect', await clientAssertion())).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
    expect((await fetch(`${broker.url}/introspect?token=x`)).status).toBe(405)
  })

  const strangers = [
    ['nobody', {}],
    ['a wrong secret', basic('wrong')],
    ['a client that does not exist', basic(SECRET, 'nobody')],
    ['a client that proves itself in another way', basic(SECRET, 'deploy-api')],
  ] as const

  test.each(strangers)('RFC 7662 §2.1 and §2.3: %s is 401 invalid_client, with a challenge', async (_, headers) => {
    const answer = await broker.post('/introspect', { token: 'x' }, headers)
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
  })

  test('RFC 6749 §2.3.1: id and secret are form-encoded before they are joined', async () => {
    expect(await broker.post('/introspect', { token: 'x' }, basic())).toMatchObject({ status: 200 })
  })

  test('RFC 6749 §2.3: a client that authenticates in two ways is invalid_request', async () => {
    const answer = await broker.post('/introspect', { token: 'x', ...(await clientAssertion()) }, basic())
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })
})

describe('RFC 7523: assertions of resource servers', () => {
  const wrongs = [
    ['iss is not the client', { iss: 'other-api' }],
    ['sub is not the client', { sub: 'other-api' }],
    ['aud is somebody else', { aud: 'https://else.example.com' }],
    ['there is no aud', { aud: undefined }],
    ['exp has passed', { exp: 1 }],
    ['there is no exp', { exp: undefined }],
    ['nbf has not come', { nbf: 9_000_000_000 }],
    ['there is no jti', { jti: undefined }],
  ] as const

  test.each(wrongs)('RFC 7523 §3: %s: invalid_client', async (_, claims) => {
    const answer = await broker.post('/introspect', { token: 'x', ...(await clientAssertion(claims)) })
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('RFC 7523 §3: it is signed by a key of the client', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const answer = await broker.post('/introspect', { token: 'x', ...(await clientAssertion({}, privateKey)) })
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('RFC 7523 §3: its jti serves once', async () => {
    const proof = await clientAssertion()
    expect(await broker.post('/introspect', { token: 'x', ...proof })).toMatchObject({ status: 200 })
    expect(await broker.post('/introspect', { token: 'x', ...proof })).toMatchObject({ status: 401 })
  })

  test('RFC 7521 §4.2: another client_assertion_type proves nothing; a client_id must be the client’s', async () => {
    const { client_assertion } = await clientAssertion()
    const other = {
      client_assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    }
    expect(await broker.post('/introspect', { token: 'x', ...other })).toMatchObject({ status: 401 })
    const named = { ...(await clientAssertion()), client_id: 'other-api' }
    expect(await broker.post('/introspect', { token: 'x', ...named })).toMatchObject({ status: 401 })
  })
})

describe('RFC 8414, OpenID Connect Discovery, RFC 7517: what the broker says of itself', () => {
  const read = async (path: string) => {
    const answer = await fetch(`${broker.url}${path}`)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/)
    return (await answer.json()) as Record<string, unknown>
  }

  test('RFC 8414 §3.2 and §3.3: metadata is JSON, and names the issuer that it was asked of', async () => {
    const metadata = await read('/.well-known/oauth-authorization-server')
    expect(metadata['issuer']).toBe(broker.url)
    for (const name of ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'jwks_uri'])
      expect(String(metadata[name]).startsWith(`${broker.url}/`)).toBe(true)
  })

  test('RFC 8414 §2: what authenticates where, and with which algorithms, never none', async () => {
    const metadata = await read('/.well-known/oauth-authorization-server')
    for (const endpoint of ['token', 'introspection', 'revocation']) {
      expect(metadata[`${endpoint}_endpoint_auth_methods_supported`]).toContain('private_key_jwt')
      const algorithms = metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`]
      expect(algorithms).toContain('ES256')
      expect(algorithms).not.toContain('none')
    }
    expect(metadata['grant_types_supported']).toContain('urn:ietf:params:oauth:grant-type:token-exchange')
  })

  test('OpenID Connect Discovery §3: the subset that federation reads', async () => {
    const metadata = await read('/.well-known/openid-configuration')
    expect(metadata).toMatchObject({
      issuer: broker.url,
      jwks_uri: `${broker.url}/jwks`,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    })
    expect(metadata['response_types_supported']).toEqual(['id_token'])
  })

  test('RFC 7517 §5 and §9.2: the key set has public keys for signatures, each with its id, and no private member', async () => {
    const { keys } = (await read('/jwks')) as { keys: JWK[] }
    expect(keys.length).toBeGreaterThan(0)
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', alg: 'ES256', kty: 'EC', crv: 'P-256' })
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'priv']) expect(key).not.toHaveProperty(member)
    }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
  })

  test('RFC 7638 §3: a key’s id is its thumbprint', async () => {
    const { keys } = (await read('/jwks')) as { keys: JWK[] }
    for (const key of keys) expect(key.kid).toBe(await calculateJwkThumbprint(key))
  })
})

describe('RFC 9457: problems', () => {
  test('RFC 9457 §3: a problem has its type, title and status, and its media type', async () => {
    const answers = await Promise.all([
      broker.call('GET', '/nothing'),
      broker.call('GET', '/grants'),
      broker.call('POST', '/grants', await assertion(), { unknown: 1 }),
      broker.call('GET', '/grants/gr_00', await assertion()),
    ])
    expect(answers.map(({ status }) => status)).toEqual([404, 401, 400, 404])
    for (const { status, headers, body } of answers) {
      expect(headers.get('content-type')).toBe('application/problem+json')
      expect(body).toMatchObject({
        status,
        title: expect.any(String),
        type: expect.stringMatching(/^urn:errand:problem:[a-z_]+$/),
      })
    }
  })
})
