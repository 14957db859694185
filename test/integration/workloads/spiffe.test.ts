import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { freePort } from '../../harness/kit/free-port.mjs'
import { DEPLOY, exchangeForm, startBroker, type Answer, type TestBroker } from '../../support/broker.js'
import * as certs from '../../support/certificates.js'
import { certify, pem, type Holder } from '../../support/certificates.js'
import { createTrustDomain, jwkOf } from '../../support/trust-domain.js'

const now = Math.floor(Date.now() / 1000)
const times = { notBefore: now - 60, notAfter: now + 3600 }
const prod = createTrustDomain('prod.example.com', times)
const stage = createTrustDomain('stage.example.com', times)
const ID = `${prod.id}/payments/web`

/** Its bundle comes from an endpoint that has an SVID of the trust domain itself, and no name that any other CA knows. */
const endpointId = `${prod.id}/spire/server`
const served = { bundle: prod.bundle as unknown }

let directory: string
let endpoint: Server
let broker: TestBroker
let mtlsPort: number
let other: Server

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'errand-spiffe-'))
  endpoint = await serve(prod.x509Svid('/spire/server'))
  other = await serve(prod.x509Svid('/not/the/server'))
  mtlsPort = await freePort()
  const server = certify({ names: [certs.ip(127, 0, 0, 1)], ...times })
  write('server.pem', pem(server.der))
  write('server.key', keyPem(server))
  write('first.json', JSON.stringify({ keys: [rootEntry(prod.root)] }))
  write('stage.json', JSON.stringify(stage.bundle))
  broker = await startBroker({
    config: (base) => ({
      listen: [
        ...base.listen,
        {
          host: '127.0.0.1',
          port: mtlsPort,
          serve: ['mtls'],
          tls: { cert_file: join(directory, 'server.pem'), key_file: join(directory, 'server.key') },
        },
      ],
      workloads: [
        ...base.workloads,
        sourceOf('mesh', prod.id, base.issuer, {
          uri: `https://127.0.0.1:${portOf(endpoint)}/`,
          endpoint_id: endpointId,
          file: join(directory, 'first.json'),
        }),
        sourceOf('stage', stage.id, base.issuer, { file: join(directory, 'stage.json') }),
        sourceOf('gone', 'spiffe://gone.example.com', base.issuer, {
          uri: `https://127.0.0.1:${portOf(other)}/`,
          endpoint_id: 'spiffe://gone.example.com/server',
          file: join(directory, 'first.json'),
        }),
      ],
      resources: base.resources.map((resource) =>
        'clients' in resource
          ? {
              ...resource,
              scopes: {
                ...resource.scopes,
                'deploy:staging': { tier: 'low', allow: [{ issuer: prod.id, claims: { sub: ID } }] },
              },
            }
          : resource,
      ),
    }),
  })
})

afterAll(async () => {
  await broker.stop()
  for (const server of [endpoint, other]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  rmSync(directory, { recursive: true })
})

const sourceOf = (name: string, issuer: string, audience: string, bundle: object) => ({
  name,
  preset: 'spiffe',
  issuer,
  audiences: [audience],
  owner: 'platform',
  bundle,
})

const write = (name: string, text: string): void => {
  writeFileSync(join(directory, name), text)
}
const keyPem = ({ key }: Holder): string => key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const rootEntry = ({ key, der }: Holder) => ({ ...jwkOf(key), use: 'x509-svid', x5c: [der.toString('base64')] })
const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function serve(svid: Holder): Promise<Server> {
  const server = createServer({ cert: pem(svid.der) + pem(prod.issuing.der), key: keyPem(svid) }, (_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(served.bundle))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

const claimsOf = (sub: string) => ({ sub, aud: broker.url, exp: Math.floor(Date.now() / 1000) + 300 })
const exchange = (token: string, more = {}): Promise<Answer> => {
  broker.secrets.keep(token, 'a JWT-SVID')
  return broker.post('/token', exchangeForm(token, { task: 't', ...more }))
}

/** A request by mutual TLS, with this certificate. */
function ask(
  shown: readonly Holder[],
  path: string,
  form: Readonly<Record<string, string>> | undefined,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const [leaf] = shown
  const tls = leaf === undefined ? {} : { cert: shown.map(({ der }) => pem(der)).join(''), key: keyPem(leaf) }
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: mtlsPort,
        path,
        method: form === undefined ? 'GET' : 'POST',
        ca: undefined,
        // The server's certificate is its own; that is not what is tested here.
        rejectUnauthorized: false,
        agent: false,
        headers: form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' },
        ...tls,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({
            status: response.statusCode ?? 0,
            body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(form === undefined ? undefined : new URLSearchParams(form).toString())
  })
}

const clientForm = (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: 'client_credentials',
  audience: DEPLOY,
  scope: 'deploy:staging',
  task: 'by-certificate',
  ...more,
})
const payloadOf = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

describe('JWT-SVIDs', () => {
  test('SPIFFE Federation §5.2.2: the bundle is had from an endpoint that is known by its SVID', async () => {
    const answer = await exchange(prod.jwtSvid(claimsOf(ID)))
    expect([answer.status, answer.body]).toMatchObject([200, { scope: 'deploy:staging' }])
    expect(payloadOf(answer.body['access_token'])['sub']).toMatch(/^spiffe:\/\/errand\.test\/mesh\//)
  })

  test('until_expiry: the same one serves again, and as a Bearer', async () => {
    const token = prod.jwtSvid(claimsOf(ID))
    expect((await exchange(token)).status).toBe(200)
    expect((await exchange(token)).status).toBe(200)
    expect((await broker.call('GET', '/grants', token)).status).toBe(200)
  })

  test('a grant that people approve names the trust domain as its issuer', async () => {
    const person = await broker.person('ann')
    const asked = await broker.call('POST', '/grants', person, {
      delegate: { issuer: prod.id, subject: ID, claims: { sub: ID } },
      task: { description: 'pay', max_tasks: 1 },
      access: [{ audience: DEPLOY, scope: 'deploy:production', authorization_details: [] }],
      purpose: 'pay',
      duration_seconds: 600,
    })
    expect([asked.status, asked.body]).toMatchObject([201, { delegate: { issuer: prod.id } }])
  })

  test('without task, of another trust domain, of one that has no rule, and of one whose bundle cannot be had', async () => {
    const token = prod.jwtSvid(claimsOf(ID))
    broker.secrets.keep(token, 'a JWT-SVID')
    expect(await broker.post('/token', exchangeForm(token))).toMatchObject({ status: 400 })
    expect(await exchange(stage.jwtSvid(claimsOf(ID)))).toMatchObject({ body: { error: 'invalid_request' } })
    const ofStage = claimsOf(`${stage.id}/payments/web`)
    expect(await exchange(stage.jwtSvid(ofStage))).toMatchObject({ body: { error: 'access_denied' } })
    const gone = await exchange(prod.jwtSvid(claimsOf('spiffe://gone.example.com/x')))
    expect(gone).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
  })
})

describe('X.509-SVIDs by mutual TLS', () => {
  const svid = prod.x509Svid('/payments/web')

  test('contract §1: client_credentials without an assertion takes the certificate, and the credential is bound to it', async () => {
    const answer = await ask([svid, prod.issuing], '/token', clientForm())
    expect([answer.status, answer.body]).toMatchObject([200, { token_type: 'Bearer', scope: 'deploy:staging' }])
    broker.secrets.keep(String(answer.body['access_token']), 'a credential')
    const claims = payloadOf(answer.body['access_token'])
    expect(claims).toMatchObject({ cnf: { 'x5t#S256': expect.any(String) } })
    const byToken = await exchange(prod.jwtSvid(claimsOf(ID)))
    expect(claims['sub']).toBe(payloadOf(byToken.body['access_token'])['sub'])
  })

  test('the certificate is a Bearer’s worth at the JSON API, too', async () => {
    expect((await ask([svid, prod.issuing], '/grants', undefined)).status).toBe(200)
    expect((await ask([], '/grants', undefined)).status).toBe(401)
    expect((await ask([certify({ ...times })], '/grants', undefined)).status).toBe(401)
  })

  test('RFC 8414 §2: that a certificate authenticates is in the metadata', async () => {
    const { body } = await broker.call('GET', '/.well-known/oauth-authorization-server')
    expect(body['token_endpoint_auth_methods_supported']).toContain('tls_client_auth')
  })

  test('what is deferred can be polled by the same certificate alone', async () => {
    const form = { scope: 'deploy:production', completion_mode: 'deferred', purpose: 'pay', task: 'later' }
    const deferred = await ask([svid, prod.issuing], '/token', clientForm(form))
    expect(deferred).toMatchObject({ status: 400, body: { error: 'authorization_pending' } })
    const code = String(deferred.body['deferral_code'])
    broker.secrets.keep(code, 'a deferral code')
    const poll = { grant_type: 'urn:ietf:params:oauth:grant-type:deferred', deferral_code: code }
    expect(await ask([svid, prod.issuing], '/token', poll)).toMatchObject({ body: { error: 'authorization_pending' } })
    const another = prod.x509Svid('/payments/web')
    expect(await ask([another, prod.issuing], '/token', poll)).toMatchObject({ body: { error: 'invalid_grant' } })
  })

  test('client_id must name it, where it is sent', async () => {
    expect((await ask([svid, prod.issuing], '/token', clientForm({ client_id: ID }))).status).toBe(200)
    const wrong = await ask([svid, prod.issuing], '/token', clientForm({ client_id: `${prod.id}/other` }))
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test.each<[string, readonly Holder[]]>([
    ['no certificate', []],
    ['one of nobody', [certify({ names: [certs.uri(ID)], ...times })]],
    [
      'one of another trust domain’s authority',
      [certify({ names: [certs.uri(ID)], ...times }, stage.issuing), stage.issuing],
    ],
    ['one without its chain', [svid]],
    ['a CA’s own', [prod.issuing]],
    [
      'one of our own trust domain',
      [certify({ names: [certs.uri('spiffe://errand.test/ci/74')], ...times }, prod.issuing), prod.issuing],
    ],
    ['one that has ended', [prod.x509Svid('/payments/web', { notAfter: now - 1 }), prod.issuing]],
  ])('with %s it is invalid_client', async (_, shown) => {
    expect(await ask(shown, '/token', clientForm())).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('at a listener that does not serve mtls there is no certificate', async () => {
    expect(await broker.post('/token', clientForm())).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })
})
