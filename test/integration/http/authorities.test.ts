import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { authorityIdOf } from '../../../src/issuance/make-authority.js'
import { fromPem } from '../../../src/x509/pem.js'
import { startBroker, type TestBroker } from '../../support/broker.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())

interface Bundle {
  readonly keys: readonly {
    readonly kty: string
    readonly use: string
    readonly x5c: readonly string[]
    readonly kid?: string
  }[]
  readonly spiffe_sequence: number
  readonly spiffe_refresh_hint: number
}
const bundle = async (): Promise<Bundle> => (await broker.fetch('/spiffe/bundle')).body as unknown as Bundle

describe('GET /spiffe/bundle', () => {
  test('X509-SVID §6.1: one JWK for each root, use x509-svid, no kid, its certificate alone in x5c', async () => {
    const { keys } = await bundle()
    expect(keys).toHaveLength(1)
    const [key] = keys
    expect(key).toMatchObject({ kty: 'EC', use: 'x509-svid', x5c: [expect.any(String)] })
    expect(key).not.toHaveProperty('kid')
    expect(key).not.toHaveProperty('d')
    const root = new X509Certificate(Buffer.from(key!.x5c[0]!, 'base64'))
    expect(root.checkIssued(root)).toBe(true)
    expect(root.publicKey.export({ format: 'jwk' })).toMatchObject({ kty: 'EC', x: expect.any(String) })
    // X509-SVID §3.2: an authority is an SVID of the trust domain itself.
    expect(root.subjectAltName).toBe('URI:spiffe://errand.test')
  })

  test('SPIFFE Trust Domain and Bundle §4.1: a sequence number that grows with each change, and a refresh hint', async () => {
    const before = await bundle()
    expect(Number.isSafeInteger(before.spiffe_sequence)).toBe(true)
    expect(before.spiffe_refresh_hint).toBe(300)
    await broker.broker.authorities.rotate('dana', { atOnce: true, leaked: false })
    const after = await bundle()
    expect(after.spiffe_sequence).toBeGreaterThan(before.spiffe_sequence)
    expect(after.keys).toEqual(before.keys)
  })
})

describe('GET /ca', () => {
  const certificates = async (): Promise<readonly X509Certificate[]> => {
    const answer = await broker.fetch('/ca')
    expect(answer.headers.get('content-type')).toBe('application/pem-certificate-chain')
    return (fromPem('CERTIFICATE', String(answer.body['text'])) ?? []).map((der) => new X509Certificate(der))
  }

  test('begins with the authority that signs and its root, and has those that sign next and have signed', async () => {
    await broker.broker.authorities.rotate('dana', { atOnce: true, leaked: false })
    const [first, root, ...others] = await certificates()
    expect(first?.raw).toEqual(broker.broker.authorities.current().certificate)
    expect(first?.checkIssued(root!)).toBe(true)
    expect(others.every((one) => one.checkIssued(root!))).toBe(true)
    expect(others.length).toBeGreaterThanOrEqual(2)
  })

  test('RFC 5280 §4.2.2.1: each of them by itself is one certificate in DER', async () => {
    for (const { raw } of await certificates()) {
      const answer = await fetch(`${broker.url}/ca/${authorityIdOf(raw)}`)
      expect(answer.headers.get('content-type')).toBe('application/pkix-cert')
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(raw)
    }
    expect((await broker.fetch(`/ca/${'0'.repeat(16)}`)).status).toBe(404)
  })
})

test.each(['/ca', '/crl', '/spiffe/bundle'])('RFC 9110 §13.1.2: %s is not sent again to who has it', async (path) => {
  const first = await broker.fetch(path)
  const etag = first.headers.get('etag') ?? ''
  expect((await broker.fetch(path, { headers: { 'If-None-Match': etag } })).status).toBe(304)
  expect((await broker.fetch(path, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200)
  expect((await broker.fetch(path, { method: 'HEAD' })).headers.get('etag')).toBe(etag)
})

test('a list may be kept, but not used without asking: the next one may say more', async () => {
  const { id } = broker.broker.authorities.current()
  const answer = await fetch(`${broker.url}/crl/${id}`)
  expect(answer.headers.get('cache-control')).toBe('public, no-cache')
  const [until, at] = ['expires', 'last-modified'].map((name) => Date.parse(answer.headers.get(name) ?? ''))
  expect((until ?? 0) - (at ?? 0)).toBe(600_000)
})

describe('/metrics', () => {
  test('say when authorities end, how long the key has signed, and how old the CRL is', async () => {
    const text = String((await broker.fetch('/metrics')).body['text'])
    const valueOf = (series: string): number | undefined => {
      const line = text.split('\n').find((each) => each.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    }
    const [current, next] = ['current', 'next'].map((state) =>
      broker.broker.authorities.list().find((entry) => entry.state === state),
    )
    expect(valueOf('errand_ca_expiry_timestamp_seconds{state="current"}')).toBe(current?.notAfter)
    expect(valueOf('errand_ca_expiry_timestamp_seconds{state="next"}')).toBe(next?.notAfter)
    expect(valueOf('errand_signing_key_age_seconds{alg="ES256"}')).toBeGreaterThanOrEqual(0)
    expect(valueOf('errand_crl_age_seconds')).toBeLessThan(60)
    expect(valueOf('errand_imported_crl_expiry_timestamp_seconds')).toBeUndefined()
  })
})
