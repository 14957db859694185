import { execFile, execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { freePort } from '../../harness/kit/free-port.mjs'
import { exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { opensslPki, type OpensslPki } from '../../support/openssl-pki.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'

/*
 * A certificate that Errand issued, shown to Errand itself by curl: the listener trusts the broker's own authorities, as `GET
 * /ca` tells them. Two instances of one store, since the second is given what the first has made.
 */
let redis: RedisServer
let pki: OpensslPki
let first: TestBroker
let mutual: TestBroker
let port: number
/** What the certificates of the test's workload name. */
const SUB = 'spiffe://errand.test/ci/74'

beforeAll(async () => {
  redis = await startRedis()
  pki = opensslPki()
  pki.selfSigned('server', 'DNS:localhost,IP:127.0.0.1')
  port = await freePort()
  const store = { url: redis.url, durability: 'strict' }
  const resources = ([deploy, ...others]: readonly object[], more: object = {}) => [
    { ...deploy, credentials: ['jwt', 'x509'], ...more },
    ...others,
  ]
  const tiers = <T extends { readonly low: object }>(of: T) => ({ ...of, low: { ...of.low, binding: 'any' } })
  first = await startBroker({
    store,
    config: (base) => ({ resources: resources(base.resources), tiers: tiers(base.tiers) }),
  })
  const authorities = await fetch(`${first.url}/ca`)
  writeFileSync(pki.file('authorities.pem'), await authorities.text())
  const tls = { cert_file: pki.file('server.pem'), key_file: pki.file('server.key') }
  mutual = await startBroker({
    store,
    share: first,
    config: ({ listen, workloads, ...base }) => ({
      issuer: first.url,
      listen: [
        ...listen,
        { host: '127.0.0.1', port, serve: ['mtls'], tls: { ...tls, client_ca_file: pki.file('authorities.pem') } },
      ],
      workloads: workloads.map((source) => ({ ...source, audiences: [first.url] })),
      resources: resources(base.resources, { clients: [{ id: 'by-name', auth: 'mtls', san_uri: SUB }] }),
      tiers: tiers(base.tiers),
    }),
  })
})
afterAll(async () => {
  await mutual.stop()
  await first.stop()
  await redis.stop()
  pki.remove()
})

/** `<name>.key`, and the chain that the broker issues for its CSR. */
async function certified(name: string): Promise<Record<string, unknown>> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', pki.file(`${name}.key`)]
  const csr = execFileSync('openssl', ['req', ...key, '-subj', '/'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const form = exchangeForm(await first.assertion({ run_id: name }), {
    requested_token_type: 'urn:errand:token-type:x509-certificate',
    csr: csr.toString(),
  })
  const { status, body } = await first.post('/token', form)
  if (status !== 200) throw new Error(JSON.stringify(body))
  writeFileSync(pki.file(`${name}.pem`), String(body['access_token']))
  return body
}

/** In a process beside this one, in which the broker runs. */
async function curl(path: string, form: Readonly<Record<string, string>>, client?: string) {
  const shown = client === undefined ? [] : ['--cert', pki.file(`${client}.pem`), '--key', pki.file(`${client}.key`)]
  const data = Object.entries(form).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
  const url = `https://127.0.0.1:${port}${path}`
  const args = ['-sS', '--cacert', pki.file('server.pem'), ...shown, ...data, '-X', 'POST', '-w', '\n%{http_code}', url]
  const { stdout } = await promisify(execFile)('curl', ['--max-time', '60', ...args])
  const [text = '', status] = stdout.split('\n')
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  if (typeof body['access_token'] === 'string') mutual.secrets.keep(body['access_token'], 'a credential')
  return { status: Number(status), body }
}

describe('curl with a certificate of Errand’s', () => {
  test('calls the broker over mutual TLS, and gets a token that is bound to it', async () => {
    await certified('job')
    const form = exchangeForm(await first.assertion({ run_id: 'job' }))
    const { status, body } = await curl('/token', form, 'job')
    expect([status, body['token_type']]).toEqual([200, 'Bearer'])
    const { raw } = new X509Certificate(readFileSync(pki.file('job.pem')))
    const hash = createHash('sha256').update(raw).digest('base64url')
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ 'x5t#S256': hash })
    const token = { token: String(body['access_token']) }
    expect((await curl('/revoke', token)).body['error']).toBe('invalid_request')
    expect((await curl('/revoke', token, 'job')).status).toBe(200)
  })

  test('one of somebody else’s CA is refused', async () => {
    pki.selfSigned('stranger')
    const form = exchangeForm(await first.assertion({ run_id: 'stranger' }))
    expect((await curl('/token', form, 'stranger')).status).toBe(400)
  })

  test('contract §3: a certificate satisfies every binding, since its CSR proves its key; a token does not', async () => {
    expect(await certified('plain')).toMatchObject({ token_type: 'N_A' })
    const unbound = await first.post('/token', exchangeForm(await first.assertion({ run_id: 'unbound' })))
    expect(unbound.body['error']).toBe('invalid_dpop_proof')
  })

  test('proves a resource server that is known by its name, until it is revoked', async () => {
    const { access_token: chain } = await certified('api')
    const introspect = async () => curl('/introspect', { token: String(chain), client_id: 'by-name' }, 'api')
    expect((await introspect()).body).toMatchObject({ active: true, sub: SUB })
    expect((await curl('/revoke', { token: String(chain) }, 'api')).status).toBe(200)
    expect(await introspect()).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  test('of an authority whose key has leaked it is nobody’s, though TLS takes it', async () => {
    await certified('lost')
    const form = async () => exchangeForm(await first.assertion({ run_id: 'lost' }))
    expect((await curl('/token', await form(), 'lost')).status).toBe(200)
    await mutual.broker.authorities.rotate('a test', { atOnce: true, leaked: true })
    const { status, body } = await curl('/token', await form(), 'lost')
    expect([status, String(body['error_description'])]).toEqual([400, expect.stringContaining('certificate')])
  })
})
