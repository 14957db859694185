import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { connect, type ConnectionOptions } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { freePort } from '../../harness/kit/free-port.mjs'
import { CLIENT_ASSERTION_TYPE, DEPLOY, exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { dpopClient } from '../../support/dpop.js'
import { opensslPki, type OpensslPki } from '../../support/openssl-pki.js'

/*
 * Real certificates, by openssl, shown by curl. The listener with a CA refuses others; the one without takes any, which
 * proves its key and nothing else; behind a proxy it is RFC 9440, from that proxy alone.
 */
const run = promisify(execFile)
const sha256 = (bytes: Uint8Array, encoding: 'base64url' | 'hex') => createHash('sha256').update(bytes).digest(encoding)

let pki: OpensslPki
let broker: TestBroker
let ports: { checked: number; any: number; proxied: number; resealed: number; untrusted: number; plain: number }

beforeAll(async () => {
  pki = opensslPki()
  pki.selfSigned('server', 'DNS:localhost,IP:127.0.0.1')
  pki.selfSigned('ca')
  pki.selfSigned('stranger', 'URI:spiffe://errand.test/api')
  pki.issued('client', 'ca', ['extendedKeyUsage=clientAuth'])
  pki.issued('other', 'ca')
  pki.issued('server-only', 'ca', ['extendedKeyUsage=serverAuth'])
  pki.issued('api', 'ca', ['subjectAltName=URI:spiffe://errand.test/api'])
  pki.issued('crafted', 'ca', ['subjectAltName=@names', '[names]', 'DNS.1=a, URI:spiffe://errand.test/api, DNS:b'])
  ports = {
    checked: await freePort(),
    any: await freePort(),
    proxied: await freePort(),
    resealed: await freePort(),
    untrusted: await freePort(),
    plain: await freePort(),
  }
  const tls = { cert_file: pki.file('server.pem'), key_file: pki.file('server.key') }
  const at = { host: '127.0.0.1', serve: ['mtls'] }
  const proxy = { ...at, behind_proxy: true, url: 'https://mtls.example.com' }
  broker = await startBroker({
    config: ({ listen, resources: [deploy, ...others], tiers, workloads: [ci] }) => ({
      listen: [
        ...listen,
        { ...at, port: ports.checked, tls: { ...tls, client_ca_file: pki.file('ca.pem') } },
        { ...at, port: ports.any, tls },
        { ...proxy, port: ports.proxied, trusted_proxies: ['127.0.0.1'] },
        { ...proxy, port: ports.resealed, tls, trusted_proxies: ['127.0.0.1'] },
        { ...proxy, port: ports.untrusted, trusted_proxies: ['192.0.2.1'] },
        { ...proxy, port: ports.plain, serve: ['api'], url: undefined, trusted_proxies: ['127.0.0.1'] },
      ],
      tiers: {
        ...tiers,
        certified: { approval: 'policy', binding: 'mtls' },
        bound: { approval: 'policy', binding: 'any' },
        keyed: { approval: 'policy', binding: 'dpop' },
      },
      resources: [
        {
          ...deploy,
          scopes: {
            ...deploy?.scopes,
            ...Object.fromEntries(
              ['certified', 'bound', 'keyed'].map((tier) => [
                `deploy:${tier}`,
                { tier, allow: [{ issuer: ci?.issuer ?? '', claims: { repository_id: '74' } }] },
              ]),
            ),
          },
          clients: [
            ...(deploy?.clients ?? []),
            { id: 'by-name', auth: 'mtls', san_uri: 'spiffe://errand.test/api' },
            { id: 'by-hash', auth: 'mtls', certificate_sha256: [sha256(pki.der('stranger.pem'), 'hex')] },
          ],
        },
        ...others,
      ],
    }),
  })
})
afterAll(async () => {
  await broker.stop()
  pki.remove()
})

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

let runs = 0
const assertion = (id = `run-${++runs}`): Promise<string> => broker.assertion({ run_id: id })

/** By curl, as this client. */
async function curl(
  port: number,
  path: string,
  form: Readonly<Record<string, string>>,
  client?: string,
  more: readonly string[] = [],
): Promise<Answer> {
  const scheme = [ports.checked, ports.any, ports.resealed].includes(port) ? 'https' : 'http'
  const shown = client === undefined ? [] : ['--cert', pki.file(client), '--key', pki.file(keyOf(client))]
  const data = Object.entries(form).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
  const url = `${scheme}://127.0.0.1:${port}${path}`
  const args = ['-sS', '--cacert', pki.file('server.pem'), ...shown, ...data, ...more, '-w', '\n%{http_code}', url]
  const { stdout } = await run('curl', ['-X', 'POST', ...args])
  const at = stdout.lastIndexOf('\n')
  const text = stdout.slice(0, at)
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  for (const secret of [body['access_token'], body['deferral_code']])
    if (typeof secret === 'string') broker.secrets.keep(secret, 'a credential or code')
  return { status: Number(stdout.slice(at + 1)), body }
}
const keyOf = (certificate: string): string => `${certificate.split('.')[0] ?? ''}.key`
const exchange = async (
  port: number,
  client?: string,
  form: Record<string, string> = {},
  more: readonly string[] = [],
) => curl(port, '/token', exchangeForm(await assertion(), form), client, more)
const cnfOf = ({ body }: Answer): unknown => decodeJwt(String(body['access_token']))['cnf']
const x5t = (name: string): string => sha256(pki.der(name), 'base64url')

describe('RFC 8705 §3: certificate-bound credentials', () => {
  test('curl with a certificate gets one that is bound to it, as a Bearer token', async () => {
    const answer = await exchange(ports.checked, 'client.pem', { scope: 'deploy:certified' })
    expect(answer.body).toMatchObject({ token_type: 'Bearer' })
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('client.pem') })
    const { body } = await broker.post(
      '/introspect',
      { token: String(answer.body['access_token']) },
      { Authorization: `Basic ${btoa(`deploy-api:${broker.secret}`)}` },
    )
    expect(body).toMatchObject({ active: true, token_type: 'Bearer', cnf: { 'x5t#S256': x5t('client.pem') } })
  })

  test('a certificate that nobody asked for binds too, and meets a tier that asks for any key', async () => {
    for (const scope of ['deploy:staging', 'deploy:bound'])
      expect(cnfOf(await exchange(ports.checked, 'client.pem', { scope }))).toEqual({ 'x5t#S256': x5t('client.pem') })
  })

  test('without one the listener serves what needs none', async () => {
    expect(cnfOf(await exchange(ports.checked))).toBeUndefined()
    const refused = await exchange(ports.checked, undefined, { scope: 'deploy:certified' })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_request'])
  })

  test('a certificate is no DPoP key', async () => {
    const refused = await exchange(ports.checked, 'client.pem', { scope: 'deploy:keyed' })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_dpop_proof'])
  })

  test('of two keys the tier says which one binds, else the DPoP key', async () => {
    const client = dpopClient(broker, () => Math.floor(Date.now() / 1000))
    const both = async (scope: string) => {
      const { DPoP } = await client.headers('POST', '/token')
      return exchange(ports.checked, 'client.pem', { scope }, ['-H', `DPoP: ${DPoP}`])
    }
    expect(cnfOf(await both('deploy:certified'))).toEqual({ 'x5t#S256': x5t('client.pem') })
    expect(cnfOf(await both('deploy:bound'))).toEqual({ jkt: client.jkt })
    expect(cnfOf(await both('deploy:keyed'))).toEqual({ jkt: client.jkt })
  })

  test('§5: htu may name the mutual TLS endpoint', async () => {
    const client = dpopClient(broker, () => Math.floor(Date.now() / 1000))
    const htu = `https://127.0.0.1:${ports.checked}/token`
    const { DPoP } = await client.headers('POST', '/token', { htu })
    expect(cnfOf(await exchange(ports.checked, undefined, { scope: 'deploy:keyed' }, ['-H', `DPoP: ${DPoP}`]))).toEqual(
      {
        jkt: client.jkt,
      },
    )
  })

  test.each(['stranger.pem', 'server-only.pem'])(
    'with client_ca_file, %s is refused, and not taken for nothing',
    async (name) => {
      const answer = await exchange(ports.checked, name)
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request'])
    },
  )

  test('without client_ca_file any certificate proves its key (§4)', async () => {
    const answer = await exchange(ports.any, 'stranger.pem', { scope: 'deploy:certified' })
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('stranger.pem') })
  })
})

describe('RFC 8705 §3: presenting them to the broker', () => {
  const complete = (port: number, { body }: Answer, client?: string) =>
    curl(port, `/tasks/${String(body['task_id'])}/complete`, {}, client, [
      '-H',
      `Authorization: Bearer ${String(body['access_token'])}`,
    ])

  test('the holder completes its task with the same certificate, and with no other', async () => {
    const issued = await exchange(ports.checked, 'client.pem', { scope: 'deploy:certified' })
    expect((await complete(ports.checked, issued)).status).toBe(401)
    expect((await complete(ports.checked, issued, 'other.pem')).status).toBe(401)
    expect(await complete(ports.checked, issued, 'client.pem')).toMatchObject({
      status: 200,
      body: { status: 'completed' },
    })
  })

  test('revoking takes the same certificate', async () => {
    const { body } = await exchange(ports.checked, 'client.pem', { scope: 'deploy:certified' })
    const token = { token: String(body['access_token']) }
    expect((await curl(ports.checked, '/revoke', token, 'other.pem')).body['error']).toBe('invalid_request')
    expect((await broker.post('/revoke', token)).body['error']).toBe('invalid_request')
    expect((await curl(ports.checked, '/revoke', token, 'client.pem')).status).toBe(200)
  })

  test('a deferral is bound to the certificate of its first request', async () => {
    const form = exchangeForm(await assertion(), {
      scope: 'deploy:production',
      completion_mode: 'deferred',
      purpose: 'deploy',
    })
    const { body } = await curl(ports.checked, '/token', form, 'client.pem')
    expect(body['error']).toBe('authorization_pending')
    const poll = {
      grant_type: 'urn:ietf:params:oauth:grant-type:deferred',
      deferral_code: String(body['deferral_code']),
    }
    expect((await curl(ports.checked, '/token', poll, 'other.pem')).body['error']).toBe('invalid_grant')
    expect((await curl(ports.checked, '/token', poll)).body['error']).toBe('invalid_client')
    const ann = await broker.person('ann')
    const grant = await broker.call('GET', `/grants/${String(body['grant_id'])}`, ann)
    await broker.call('POST', `/grants/${String(body['grant_id'])}/reviews`, ann, {
      decision: 'approve',
      digest: grant.body['digest'],
    })
    expect(cnfOf(await curl(ports.checked, '/token', poll, 'client.pem'))).toEqual({ 'x5t#S256': x5t('client.pem') })
  })
})

describe('RFC 9440: behind a proxy', () => {
  const told = (name: string): readonly string[] => ['-H', `Client-Cert: :${pki.der(name).toString('base64')}:`]
  const chain = (name: string): readonly string[] => ['-H', `Client-Cert-Chain: :${pki.der(name).toString('base64')}:`]

  test('what the configured proxy tells is believed', async () => {
    const answer = await exchange(ports.proxied, undefined, { scope: 'deploy:certified' }, [
      ...told('client.pem'),
      ...chain('ca.pem'),
    ])
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('client.pem') })
  })

  test('a proxy that speaks TLS with us, too, tells of its clients, and its own certificate is none of theirs', async () => {
    const answer = await exchange(ports.resealed, 'client.pem', { scope: 'deploy:certified' }, told('other.pem'))
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('other.pem') })
    const refused = await exchange(ports.resealed, 'client.pem', { scope: 'deploy:certified' })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_request'])
    expect(cnfOf(await exchange(ports.resealed, 'client.pem'))).toBeUndefined()
  })

  test.each([
    ['another address than the proxy’s', () => ports.untrusted],
    ['the proxy, on a listener that serves no mtls', () => ports.plain],
    ['a client, on a listener for connections', () => Number(new URL(broker.url).port)],
  ])('a header that is made up gives nothing: %s', async (_name, port) => {
    const refused = await exchange(port(), undefined, { scope: 'deploy:certified' }, told('client.pem'))
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_request'])
    expect(cnfOf(await exchange(port(), undefined, {}, told('client.pem')))).toBeUndefined()
  })

  test('a header beside a certificate that was shown is not read', async () => {
    const answer = await exchange(ports.checked, 'other.pem', { scope: 'deploy:certified' }, told('client.pem'))
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('other.pem') })
  })

  test('what cannot be read is refused, and not taken for nothing', async () => {
    const sent = [
      ['-H', 'Client-Cert: nonsense'],
      [...told('client.pem'), ...told('other.pem')],
      chain('ca.pem'),
      [...told('client.pem'), '-H', 'Client-Cert-Chain: nonsense'],
    ]
    for (const headers of sent) expect((await exchange(ports.proxied, undefined, {}, headers)).status).toBe(400)
  })
})

describe('RFC 8705 §2: resource servers prove themselves by certificate', () => {
  const introspect = async (port: number, id: string, client?: string, more: readonly string[] = []) => {
    const { body } = await exchange(Number(new URL(broker.url).port))
    const { status, ...answer } = await curl(
      port,
      '/introspect',
      { token: String(body['access_token']), client_id: id },
      client,
      more,
    )
    return status === 200 ? answer.body['active'] : status
  }

  test('by a name that a CA has signed', async () => {
    expect(await introspect(ports.checked, 'by-name', 'api.pem')).toBe(true)
    expect(await introspect(ports.checked, 'by-name', 'client.pem')).toBe(401)
    expect(await introspect(ports.checked, 'by-name')).toBe(401)
  })

  test('a name that nobody has signed, or that hides in another, is none', async () => {
    expect(await introspect(ports.any, 'by-name', 'stranger.pem')).toBe(401)
    expect(await introspect(ports.any, 'by-name', 'api.pem')).toBe(401)
    expect(await introspect(ports.checked, 'by-name', 'crafted.pem')).toBe(401)
    const told = ['-H', `Client-Cert: :${pki.der('api.pem').toString('base64')}:`]
    expect(await introspect(ports.proxied, 'by-name', undefined, told)).toBe(401)
  })

  test('by the certificate itself, whoever signed it', async () => {
    expect(await introspect(ports.any, 'by-hash', 'stranger.pem')).toBe(true)
    expect(await introspect(ports.any, 'by-hash', 'client.pem')).toBe(401)
    expect(await introspect(ports.any, 'deploy-api', 'stranger.pem')).toBe(401)
    expect(await introspect(ports.any, 'nobody', 'stranger.pem')).toBe(401)
  })
})

describe('the listener', () => {
  test('RFC 8705 §5: the metadata says where it is', async () => {
    const { body } = await broker.fetch('/.well-known/oauth-authorization-server')
    const base = `https://127.0.0.1:${ports.checked}`
    expect(body).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
      mtls_endpoint_aliases: { token_endpoint: `${base}/token`, revocation_endpoint: `${base}/revoke` },
    })
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s sessions are not resumed: each connection shows its certificate anew',
    async (version) => {
      const first = await handshake(version)
      const second = await handshake(version, first.session)
      expect([first.reused, second.reused]).toEqual([false, false])
    },
  )

  async function handshake(version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer) {
    const options: ConnectionOptions = {
      host: '127.0.0.1',
      port: ports.checked,
      ca: pki.read('server.pem'),
      cert: pki.read('client.pem'),
      key: pki.read('client.key'),
      minVersion: version,
      maxVersion: version,
      ...(session === undefined ? {} : { session }),
    }
    const socket = connect(options)
    let given: Buffer | undefined
    socket.on('session', (ticket: Buffer) => (given = ticket))
    await new Promise((resolve, reject) => {
      socket.once('data', resolve)
      socket.once('error', reject)
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    })
    const reused = socket.isSessionReused()
    socket.destroy()
    return { reused, session: given }
  }

  test('client_credentials with an assertion is served there as anywhere', async () => {
    const answer = await curl(
      ports.checked,
      '/token',
      {
        grant_type: 'client_credentials',
        client_assertion: await assertion(),
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        audience: DEPLOY,
        scope: 'deploy:certified',
      },
      'client.pem',
    )
    expect(cnfOf(answer)).toEqual({ 'x5t#S256': x5t('client.pem') })
  })
})
