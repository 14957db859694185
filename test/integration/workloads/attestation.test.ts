import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exchangeForm, startBroker, type Answer, type TestBroker } from '../../support/broker.js'
import { openWorkbench, type Workbench } from '../../support/openssl.js'

/** Devices whose keys and certificates openssl made: a root, an issuing CA that may name `*.devices.example.com`, and what it issued. */
const ISSUER = 'https://devices.example.com'
const NAME = 'seven.devices.example.com'
const STRANGER = 'eight.devices.example.com'

let bench: Workbench
let broker: TestBroker

beforeAll(async () => {
  bench = openWorkbench()
  makeCa()
  makeDevice('device', 'issuing', `subjectAltName=DNS:${NAME}`)
  makeDevice('stranger', 'issuing', `subjectAltName=DNS:${STRANGER}`)
  makeDevice('outside', 'issuing', 'subjectAltName=DNS:seven.example.org')
  makeDevice('revoked', 'issuing', `subjectAltName=DNS:${NAME}`)
  makeLists()
  broker = await startBroker({
    config: (base) => ({
      workloads: [
        ...base.workloads,
        {
          name: 'devices',
          preset: 'attestation',
          issuer: ISSUER,
          audiences: [base.issuer],
          owner: 'platform',
          certificates: {
            roots_file: bench.at('root.pem'),
            subject: 'dns',
            crl_files: [bench.at('root.crl'), bench.at('issuing.crl')],
          },
        },
      ],
      resources: base.resources.map((resource) =>
        'clients' in resource
          ? {
              ...resource,
              scopes: {
                ...resource.scopes,
                'deploy:staging': { tier: 'low', allow: [{ issuer: ISSUER, claims: { sub: NAME } }] },
              },
            }
          : resource,
      ),
    }),
  })
})

afterAll(async () => {
  await broker.stop()
  bench.close()
})

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const

function makeCa(): void {
  const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  bench.openssl(
    'req',
    '-x509',
    ...EC,
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
    '-subj',
    '/CN=Root',
    '-days',
    '2',
    ...ca,
  )
  bench.write(
    'ca.cnf',
    'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' +
      'nameConstraints=critical,permitted;DNS:devices.example.com\n',
  )
  issue('issuing', 'root', '/CN=Issuing', 'ca.cnf')
}

function makeDevice(name: string, ca: string, alternativeName: string): void {
  bench.write(`${name}.cnf`, `keyUsage=critical,digitalSignature\n${alternativeName}\n`)
  issue(name, ca, `/O=Example/CN=${name}`, `${name}.cnf`)
}

function issue(name: string, ca: string, subject: string, extensions: string): void {
  bench.openssl('req', ...EC, '-new', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
  bench.openssl(
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial'],
    ...['-out', `${name}.pem`, '-days', '1', '-extfile', extensions],
  )
}

/** Lists by `openssl ca`, which wants a database. */
function makeLists(): void {
  for (const ca of ['root', 'issuing']) {
    bench.write(`${ca}.txt`, '')
    bench.write(
      `${ca}.ca.cnf`,
      `[ca]\ndefault_ca=it\n[it]\ndatabase=${ca}.txt\ndefault_md=sha256\ndefault_crl_days=1\ncrl_extensions=ext\ncrlnumber=${ca}.number\n` +
        '[ext]\nauthorityKeyIdentifier=keyid\n',
    )
    bench.write(`${ca}.number`, '01\n')
    const common = ['ca', '-config', `${ca}.ca.cnf`, '-cert', `${ca}.pem`, '-keyfile', `${ca}.key`]
    if (ca === 'issuing') bench.openssl(...common, '-revoke', 'revoked.pem')
    bench.openssl(...common, '-gencrl', '-out', `${ca}.crl`)
  }
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
let made = 0

function attest(name: string, claims: Readonly<Record<string, unknown>> = {}, chain = [name, 'issuing']): string {
  const now = Math.floor(Date.now() / 1000)
  const x5c = chain.map((one) => new X509Certificate(readFileSync(bench.at(`${one}.pem`))).raw.toString('base64'))
  const body = { iss: ISSUER, sub: NAME, aud: broker.url, iat: now, exp: now + 120, jti: `j${++made}`, ...claims }
  const signed = `${part({ alg: 'ES256', typ: 'JWT', x5c })}.${part(body)}`
  const key = createPrivateKey(readFileSync(bench.at(`${name}.key`)))
  const token = `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  broker.secrets.keep(token, 'an attestation')
  return token
}

const exchange = (token: string, more = {}): Promise<Answer> =>
  broker.post('/token', exchangeForm(token, { task: 'measure', ...more }))

describe('an attestation JWT by a certificate that openssl made', () => {
  test('is exchanged for a credential of the device', async () => {
    const answer = await exchange(attest('device'))
    expect([answer.status, answer.body]).toMatchObject([200, { token_type: 'Bearer', scope: 'deploy:staging' }])
    const [, payload = ''] = String(answer.body['access_token']).split('.')
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      sub: `spiffe://errand.test/devices/${NAME}`,
    })
  })

  test('serves once', async () => {
    const token = attest('device')
    expect((await exchange(token)).status).toBe(200)
    expect(await exchange(token)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  test('has no runs: task must be sent', async () => {
    const answer = await broker.post('/token', exchangeForm(attest('device')))
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(String(answer.body['error_description'])).toMatch(/send task/)
  })

  test('another device of the same CA is another workload, for which no rule is', async () => {
    const answer = await exchange(attest('stranger', { sub: STRANGER }))
    expect(answer).toMatchObject({ status: 400, body: { error: 'access_denied' } })
  })

  test.each([
    ['another device’s name', () => attest('stranger')],
    ['a name that the CA may not give', () => attest('outside', { sub: 'seven.example.org' })],
    ['a revoked certificate', () => attest('revoked')],
    ['a chain that does not reach the root', () => attest('device', {}, ['device'])],
    ['a chain in the wrong order', () => attest('device', {}, ['issuing', 'device'])],
    ['a chain of two leaves', () => attest('device', {}, ['device', 'stranger', 'issuing'])],
    ['a CA’s own key', () => attest('issuing', { sub: 'Issuing' }, ['issuing'])],
    ['another audience', () => attest('device', { aud: 'https://other.example.com' })],
    ['an attestation of yesterday', () => attest('device', { iat: Math.floor(Date.now() / 1000) - 86_400 })],
  ])('with %s it is refused as any assertion is', async (_, made) => {
    expect(await exchange(made())).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: 'the subject_token is not acceptable here' },
    })
  })
})
