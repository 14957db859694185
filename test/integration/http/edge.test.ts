import { afterEach, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import type { HttpAnswer, RequestContext } from '../../../src/http/answer.js'
import { authorizeRoute } from '../../../src/http/endpoints/authorize.js'
import { healthRoutes } from '../../../src/http/endpoints/health.js'
import { jwksRoute } from '../../../src/http/endpoints/jwks.js'
import { metadataRoutes } from '../../../src/http/endpoints/metadata.js'
import { metricsRoute } from '../../../src/http/endpoints/metrics.js'
import { openapiRoute } from '../../../src/http/endpoints/openapi.js'
import { createReadiness } from '../../../src/http/readiness.js'
import { formRoute, getRoute, jsonRoute, type Route } from '../../../src/http/route.js'
import { createEdge, type Edge, type EdgeDeps } from '../../../src/http/server.js'
import { Fault } from '../../../src/runtime/fault.js'
import { createLogger } from '../../../src/runtime/logger.js'
import { createMetrics } from '../../../src/runtime/metrics.js'
import { createRateLimit } from '../../../src/runtime/rate-limit.js'
import { systemClock } from '../../../src/runtime/clock.js'
import { turnableClock } from '../../support/clock.js'
import { undocumented, type OpenapiDocument } from '../../support/documented.js'
import { openRaw, parseRaw } from './raw-client.js'

const KEYS = { keys: [{ kid: 'one', kty: 'EC', alg: 'ES256', use: 'sig', crv: 'P-256', x: 'x', y: 'y' }] } as const
const granted: HttpAnswer = {
  status: 200,
  headers: { 'Cache-Control': 'no-store', Pragma: 'no-cache' },
  body: {
    access_token: 'a.b.c',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 600,
    grant_id: `gr_${'4'.repeat(34)}`,
    task_id: `tk_${'4'.repeat(34)}`,
    lease_seconds: 900,
  },
}

type TokenUseCase = (form: URLSearchParams, context: RequestContext) => Promise<HttpAnswer>

interface Options extends Partial<Pick<EdgeDeps, 'timeouts'>> {
  readonly issuer?: string
  readonly token?: TokenUseCase
  readonly perMinute?: number
  readonly trustedProxies?: readonly string[]
  readonly skew?: () => number
}

const running: Edge[] = []
const lines: string[] = []
afterEach(async () => {
  lines.length = 0
  await Promise.all(running.splice(0).map((edge) => edge.stop(100)))
})

async function startEdge({
  issuer = 'https://errand.example.com',
  token,
  perMinute = 1_000_000,
  trustedProxies = [],
  skew = () => 0,
  ...more
}: Options = {}) {
  const metrics = createMetrics({ runtimeMetrics: false })
  const log = createLogger({ level: 'debug', destination: { write: (line: string) => void lines.push(line) } })
  const seen: { form: URLSearchParams; context: RequestContext }[] = []
  const reached: TokenUseCase = (form, context) => {
    seen.push({ form, context })
    return token ? token(form, context) : Promise.resolve(granted)
  }
  const echo = jsonRoute({
    path: '/echo/{id}',
    operationId: 'echo',
    summary: 'For this test',
    tag: 'test',
    body: z.strictObject({ name: z.string(), deep: z.unknown().optional() }),
    responses: { 200: { description: 'What came', schema: z.object({ name: z.string(), id: z.string() }) } },
    handle: ({ body, params }) => Promise.resolve({ status: 200, body: { name: body.name, id: params['id'] } }),
  })
  const list = getRoute({
    path: '/echo',
    operationId: 'list',
    summary: 'For this test',
    tag: 'test',
    query: z.strictObject({ limit: z.coerce.number().int().max(100).default(10) }),
    responses: { 200: { description: 'What came', schema: z.object({ limit: z.number() }) } },
    handle: ({ query }) => ({ status: 200, body: { limit: query.limit } }),
  })
  let edge: Edge | undefined = undefined as Edge | undefined
  const readiness = createReadiness({
    storeReady: () => Promise.resolve({ clockSkewSeconds: skew() }),
    keysLoaded: () => true,
    issuers: () => ({ github: 'fresh' }),
    isStopping: () => edge?.isStopping() ?? false,
    clock: systemClock,
    log,
  })
  const served: Route[] = [
    formRoute({
      path: '/token',
      operationId: 'token',
      summary: 'For this test',
      tag: 'test',
      form: z.looseObject({}),
      responses: { 200: { description: 'Granted', schema: z.looseObject({ access_token: z.string() }) } },
      handle: reached,
    }),
    authorizeRoute,
    jwksRoute({ jwks: () => KEYS }),
    ...metadataRoutes({
      issuer,
      signingAlgs: ['ES256'],
      clientAlgs: ['ES256', 'RS256'],
      detailTypes: [],
      dpopAlgs: ['ES256'],
      mutualTls: false,
      mutualTlsBase: undefined,
      certificateClients: false,
    }),
    ...healthRoutes(readiness),
    metricsRoute(metrics, () => undefined),
    echo,
    list,
  ]
  const routes = [...served, openapiRoute({ issuer, version: '0.1.0' }, served)]
  const at = { host: '127.0.0.1', port: 0, behindProxy: false, trustedProxies }
  edge = createEdge({
    issuer,
    listen: [
      { ...at, serve: ['api'] },
      { ...at, serve: ['metrics'] },
    ],
    routes,
    // Its time stands still: what a test has spent does not come back meanwhile.
    addressLimit: createRateLimit({ perMinute, clock: turnableClock() }),
    bodyBytes: 65_536,
    dpopNonce: () => 'nonce',
    isTakenBack: () => false,
    clock: systemClock,
    log,
    metrics,
    ...more,
  })
  running.push(edge)
  const [api, operating] = await edge.start()
  const url = (path: string) => `http://127.0.0.1:${api!.port}${path}`
  const document = async (base = '') => (await (await fetch(url(`${base}/openapi.json`))).json()) as OpenapiDocument
  const post = (
    path: string,
    body: string | Uint8Array,
    type = 'application/x-www-form-urlencoded',
    headers: Record<string, string> = {},
  ) => fetch(url(path), { method: 'POST', body: body as string, headers: { 'Content-Type': type, ...headers } })
  return { edge, seen, url, post, document, metrics, port: api!.port, metricsPort: operating!.port }
}

/** Waits for something that happens soon, or fails. */
async function until(happened: () => boolean): Promise<void> {
  for (let tries = 0; !happened(); tries += 1) {
    if (tries > 6000) throw new Error('it did not happen')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const jsonOf = async (answer: Response) => (await answer.json()) as Record<string, unknown>

describe('POST /token, in front of express', () => {
  test('RFC 6749 §3.2: every parameter reaches the use case as it was sent, repeated ones too', async () => {
    const { post, seen } = await startEdge()
    const answer = await post('/token', 'audience=a&audience=b&scope=x+y&purpose=caf%C3%A9')
    expect(answer.status).toBe(200)
    expect([...seen[0]!.form]).toEqual([
      ['audience', 'a'],
      ['audience', 'b'],
      ['scope', 'x y'],
      ['purpose', 'café'],
    ])
    expect(seen[0]!.context).toMatchObject({ address: '127.0.0.1', loopback: true, method: 'POST' })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-request-id')).toBe(seen[0]!.context.requestId)
  })

  test('the way through express (another notation of the target) is the same: headers, errors, limits', async () => {
    const { post, seen } = await startEdge()
    const [front, behind] = [await post('/token', 'a=1'), await post('/token?x=1', 'a=1')]
    const headersOf = (answer: Response) => [...answer.headers.keys()].filter((name) => name !== 'date').sort()
    expect(headersOf(behind)).toEqual(headersOf(front))
    expect(await behind.text()).toBe(await front.text())
    expect(seen).toHaveLength(2)
    for (const path of ['/token', '/token?x=1']) {
      const refused = await post(path, '{}', 'application/json')
      expect(refused.status).toBe(400)
      expect(await jsonOf(refused)).toMatchObject({ error: 'invalid_request' })
    }
  })

  const badBodies: [string, string | Uint8Array, string, number][] = [
    ['64 KiB and one byte', 'a'.repeat(65_537), 'application/x-www-form-urlencoded', 413],
    ['another content type', 'a=1', 'text/plain', 400],
    ['no content type', 'a=1', '', 400],
    ['another charset', 'a=1', 'application/x-www-form-urlencoded; charset=iso-8859-1', 400],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0x3d, 0xff]), 'application/x-www-form-urlencoded', 400],
    ['escaped bytes that are not UTF-8', 'a=%ff%fe', 'application/x-www-form-urlencoded', 400],
    ['an overlong escape', 'a=%c0%80', 'application/x-www-form-urlencoded', 400],
    ['an escaped surrogate', 'a=%ed%a0%80', 'application/x-www-form-urlencoded', 400],
  ]
  test.each(badBodies)('%s is invalid_request, and the use case is never reached', async (_, body, type, status) => {
    const { post, seen, document } = await startEdge()
    const answer = await post('/token', body, type)
    const text = await answer.text()
    expect(answer.status).toBe(status)
    expect(JSON.parse(text)).toMatchObject({ error: 'invalid_request' })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(seen).toHaveLength(0)
    const contentType = answer.headers.get('content-type')
    expect(undocumented(await document(), { method: 'POST', path: '/token', status, contentType, body: text })).toEqual(
      [],
    )
  })

  test('exactly 64 KiB is read', async () => {
    const { post, seen } = await startEdge()
    expect((await post('/token', `a=${'b'.repeat(65_534)}`)).status).toBe(200)
    expect(seen).toHaveLength(1)
  })

  test('a compressed body is refused, not unpacked', async () => {
    const { post, seen } = await startEdge()
    const answer = await post('/token', 'a=1', 'application/x-www-form-urlencoded', { 'Content-Encoding': 'gzip' })
    expect(answer.status).toBe(400)
    expect(seen).toHaveLength(0)
  })

  test('a chunked body without an announced length is cut off at the limit', async () => {
    const { port, seen } = await startEdge()
    const raw = await openRaw(port)
    raw.send(
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    for (let sent = 0; sent < 80_000; sent += 8192) raw.send(`2000\r\n${'a'.repeat(8192)}\r\n`)
    const answer = parseRaw(await raw.receive())
    expect(answer.status).toBe(413)
    expect(answer.headers.get('connection')).toBe('close')
    expect(seen).toHaveLength(0)
  })

  test('a body that drips is given up with 408, and the connection ends', async () => {
    const { port, seen } = await startEdge({ timeouts: { body: 200 } })
    const raw = await openRaw(port)
    raw.send(
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na',
    )
    const answer = parseRaw(await raw.receive())
    expect(answer.status).toBe(408)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' })
    expect(answer.headers.get('connection')).toBe('close')
    expect(seen).toHaveLength(0)
  })

  test.each<[string, () => Promise<HttpAnswer>, number, Record<string, unknown>]>([
    [
      'the store is away',
      () => Promise.reject(new Fault('store_unavailable', 'redis at 10.1.2.3')),
      503,
      { error: 'temporarily_unavailable' },
    ],
    [
      'a record was tampered with',
      () => Promise.reject(new Fault('record_tampered', 'grant x')),
      500,
      { error: 'server_error' },
    ],
    [
      'something is broken',
      () => Promise.reject(new TypeError('Unexpected token eyJhbGciOiJFUzI1NiJ9.x')),
      500,
      { error: 'server_error' },
    ],
  ])('when %s the caller learns a code and a request id, the log the rest', async (_, token, status, body) => {
    const { post } = await startEdge({ token })
    const answer = await post('/token', 'a=1')
    const text = await answer.text()
    expect(answer.status).toBe(status)
    expect(answer.headers.has('retry-after')).toBe(status === 503)
    expect(JSON.parse(text)).toMatchObject({ ...body, request_id: answer.headers.get('x-request-id') })
    expect(text).not.toMatch(/redis|10\.1|eyJ|grant x/)
    const log = lines.join('')
    expect(log).toContain(answer.headers.get('x-request-id'))
    expect(log).not.toContain('eyJ')
  })
})

describe('what was sent and what was not (invariant 9)', () => {
  test('the use case is told when its answer has left', async () => {
    const told: boolean[] = []
    const { post } = await startEdge({
      token: () => Promise.resolve({ ...granted, onSent: (sent) => told.push(sent) }),
    })
    await (await post('/token', 'a=1')).text()
    expect(told).toEqual([true])
  })

  test('the use case is told when the client had gone', async () => {
    const told: boolean[] = []
    let arrived: () => void = () => undefined
    let release: () => void = () => undefined
    const inside = new Promise<void>((resolve) => (arrived = resolve))
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { port } = await startEdge({
      token: async () => {
        arrived()
        await gate
        return { ...granted, onSent: (sent) => told.push(sent) }
      },
    })
    const raw = await openRaw(port)
    raw.send(
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=1',
    )
    await inside
    raw.reset()
    await new Promise((resolve) => setTimeout(resolve, 500))
    release()
    await until(() => told.length > 0)
    expect(told).toEqual([false])
  })

  test('a client that goes before its body is complete reaches nothing', async () => {
    const { port, seen } = await startEdge()
    const raw = await openRaw(port)
    raw.send(
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\na=1',
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    raw.reset()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(seen).toHaveLength(0)
  })
})

describe('JSON endpoints', () => {
  const bad: [string, string | Uint8Array, string, number, string][] = [
    ['not JSON', '{', 'application/json', 400, 'malformed_json'],
    ['a token that is not JSON', 'eyJhbGciOiJFUzI1NiJ9', 'application/json', 400, 'malformed_json'],
    ['a repeated member', '{"name":"a","name":"b"}', 'application/json', 400, 'malformed_json'],
    ['a member repeated by an escape', '{"name":"a","n\\u0061me":"b"}', 'application/json', 400, 'malformed_json'],
    ['33 levels', `{"name":"a","deep":${'['.repeat(32)}${']'.repeat(32)}}`, 'application/json', 400, 'malformed_json'],
    ['30,000 levels', '['.repeat(30_000), 'application/json', 400, 'malformed_json'],
    ['bytes that are not UTF-8', Buffer.from('{"name":"\xff"}', 'latin1'), 'application/json', 400, 'not_utf8'],
    ['an unknown member', '{"name":"a","more":1}', 'application/json', 400, 'invalid_members'],
    ['a missing member', '{}', 'application/json', 400, 'invalid_members'],
    ['a form', 'name=a', 'application/x-www-form-urlencoded', 415, 'media_type_not_accepted'],
    ['65 KiB', JSON.stringify({ name: 'a'.repeat(66_000) }), 'application/json', 413, 'body_too_large'],
  ]
  test.each(bad)(
    '%s is a problem (RFC 9457) that says what, and repeats nothing',
    async (_, body, type, status, code) => {
      const { post, document } = await startEdge()
      const answer = await post('/echo/one', body, type)
      const text = await answer.text()
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(JSON.parse(text)).toMatchObject({ type: `urn:errand:problem:${code}`, status })
      expect(text).not.toContain('eyJ')
      const observed = {
        method: 'POST',
        path: '/echo/{id}',
        status,
        contentType: 'application/problem+json',
        body: text,
      }
      expect(undocumented(await document(), observed)).toEqual([])
    },
  )

  test('what is valid arrives parsed, with the parameters of the path decoded', async () => {
    const { post } = await startEdge()
    const answer = await post(
      '/echo/a%20b',
      '{"name":"a","deep":[{"name":1},{"name":2}]}',
      'application/json; charset=utf-8',
    )
    expect(await jsonOf(answer)).toEqual({ name: 'a', id: 'a b' })
  })

  test('a query is validated, and a repeated parameter refused', async () => {
    const { url } = await startEdge()
    expect(await jsonOf(await fetch(url('/echo?limit=20')))).toEqual({ limit: 20 })
    for (const query of ['limit=1000', 'limit=a', 'other=1', 'limit=1&limit=2']) {
      expect((await fetch(url(`/echo?${query}`))).status).toBe(400)
    }
  })
})

describe('paths and methods', () => {
  test.each([
    ['GET', '/nothing', 404],
    ['GET', '/token/', 404],
    ['GET', '/TOKEN', 404],
    ['GET', '/echo/%zz', 400],
    ['GET', '/token', 405],
    ['PUT', '/token', 405],
    ['DELETE', '/jwks', 405],
  ])('%s %s is %i, in the form of an error of ours', async (method, path, status) => {
    const { url } = await startEdge()
    const answer = await fetch(url(path), { method })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toMatch(/json$/)
    expect(answer.headers.get('x-request-id')).toBeTruthy()
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    if (status === 405) expect(answer.headers.get('allow')).toBe(path === '/token' ? 'POST' : 'GET, HEAD')
  })

  test('RFC 8414 §3.1: with a path in the issuer the metadata has the inserted and the appended form, and all else is below it', async () => {
    const issuer = 'https://example.com/tenants/a'
    const { url, document } = await startEdge({ issuer })
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      for (const path of [`/.well-known/${name}/tenants/a`, `/tenants/a/.well-known/${name}`]) {
        const answer = await fetch(url(path))
        const text = await answer.text()
        expect(answer.status).toBe(200)
        expect(JSON.parse(text)).toMatchObject({
          issuer,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
        })
        const observed = {
          method: 'GET',
          path: `/.well-known/${name}`,
          status: 200,
          contentType: answer.headers.get('content-type'),
          body: text,
        }
        expect(undocumented(await document('/tenants/a'), observed)).toEqual([])
      }
      expect((await fetch(url(`/.well-known/${name}`))).status).toBe(404)
    }
    expect((await fetch(url('/tenants/a/jwks'))).status).toBe(200)
    expect((await fetch(url('/jwks'))).status).toBe(404)
    expect((await fetch(url('/healthz'))).status).toBe(200)
    expect(
      (await fetch(url('/tenants/a/token'), { method: 'POST', body: new URLSearchParams({ a: '1' }) })).status,
    ).toBe(200)
  })

  test('nothing is taken from Host', async () => {
    const { port } = await startEdge()
    const raw = await openRaw(port)
    raw.send(
      'GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: evil.example.net\r\nX-Forwarded-Host: evil.example.net\r\nConnection: close\r\n\r\n',
    )
    const answer = await raw.receive()
    expect(answer).toContain('https://errand.example.com/token')
    expect(answer).not.toContain('evil')
  })

  test('/authorize refuses, and redirects to nobody', async () => {
    const { url } = await startEdge()
    const answer = await fetch(url('/authorize?response_type=code&redirect_uri=https%3A%2F%2Fevil.example.net'), {
      redirect: 'manual',
    })
    expect(answer.status).toBe(400)
    expect(answer.headers.has('location')).toBe(false)
    expect(await jsonOf(answer)).toMatchObject({ error: 'unsupported_response_type' })
  })

  test('metrics are on their own listener only', async () => {
    const { url, metricsPort } = await startEdge()
    expect((await fetch(url('/metrics'))).status).toBe(404)
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('errand_http_requests_total')
    expect((await fetch(`http://127.0.0.1:${metricsPort}/token`, { method: 'POST' })).status).toBe(404)
  })

  test('no word of a caller becomes a label', async () => {
    const { url, port, metrics } = await startEdge()
    await fetch(url('/echo/some-very-own-value'))
    await fetch(url('/some-very-own-path'))
    const raw = await openRaw(port)
    raw.send('PROPFIND /some-very-own-path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await raw.receive()
    const text = await metrics.text()
    expect(text).not.toContain('very-own')
    expect(text).not.toContain('PROPFIND')
    expect(text).toContain('route="none"')
  })
})

describe('caching', () => {
  test('RFC 9110 §13: keys and metadata have a lifetime and an ETag, and are not sent again when they are known', async () => {
    const { url } = await startEdge()
    for (const path of ['/jwks', '/.well-known/oauth-authorization-server', '/openapi.json']) {
      const first = await fetch(url(path))
      expect(first.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/)
      const etag = first.headers.get('etag')!
      const again = await fetch(url(path), { headers: { 'If-None-Match': `"other", W/${etag}` } })
      expect(again.status).toBe(304)
      expect(await again.text()).toBe('')
      expect((await fetch(url(path), { headers: { 'If-None-Match': '"other"' } })).status).toBe(200)
    }
  })

  test('HEAD is GET without the body', async () => {
    const { url } = await startEdge()
    const [get, head] = [await fetch(url('/jwks')), await fetch(url('/jwks'), { method: 'HEAD' })]
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    expect(head.headers.get('etag')).toBe(get.headers.get('etag'))
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
  })
})

describe('limits', () => {
  test('too many from one address get 429 with Retry-After, in the form of the endpoint', async () => {
    const { post, url } = await startEdge({ perMinute: 60 })
    const answers = await Promise.all(Array.from({ length: 30 }, () => post('/token', 'a=1')))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(18)
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await jsonOf(refused[0]!)).toHaveProperty('error')
    expect((await fetch(url('/nothing'))).status).toBe(429)
  })

  test('an attempt that proves nothing is charged more', async () => {
    const token: TokenUseCase = () =>
      Promise.resolve({ status: 400, body: { error: 'invalid_request' }, unverified: 'assertion_malformed' })
    const { post, metrics } = await startEdge({ perMinute: 600, token })
    const statuses: number[] = []
    for (let i = 0; i < 15; i += 1) statuses.push((await post('/token', 'a=1')).status)
    expect(statuses.indexOf(429)).toBeGreaterThan(0)
    expect(statuses.indexOf(429)).toBeLessThan(12)
    expect(await metrics.text()).toContain('errand_unverified_attempts_total{reason="assertion_malformed"}')
  })

  test('the address is the one that trusted proxies vouch for', async () => {
    const { post, seen } = await startEdge({ trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] })
    await post('/token', 'a=1', undefined, { 'X-Forwarded-For': '198.51.100.1, 203.0.113.9, 10.0.0.7' })
    expect(seen[0]!.context).toMatchObject({ address: '203.0.113.9', loopback: false })
  })

  test('without trusted proxies the header means nothing', async () => {
    const { post, seen } = await startEdge()
    await post('/token', 'a=1', undefined, { 'X-Forwarded-For': '203.0.113.9' })
    expect(seen[0]!.context).toMatchObject({ address: '127.0.0.1', loopback: false })
  })

  test('headers above 32 KiB get 431, what is not HTTP gets 400, both as problems', async () => {
    const { port } = await startEdge()
    const large = await openRaw(port)
    large.send(`GET /jwks HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`)
    expect(parseRaw(await large.receive())).toMatchObject({ status: 431 })
    const garbage = await openRaw(port)
    garbage.send('\u0016\u0003\u0001 hello\r\n\r\n')
    const answer = parseRaw(await garbage.receive())
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'urn:errand:problem:malformed_request' })
  })

  test('two lengths, or a length and chunks, are refused: no request hides in another (RFC 9112 §6.3)', async () => {
    const { port, seen } = await startEdge()
    for (const framing of [
      'Content-Length: 3\r\nContent-Length: 4',
      'Content-Length: 3\r\nTransfer-Encoding: chunked',
    ]) {
      const raw = await openRaw(port)
      raw.send(
        `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n${framing}\r\n\r\na=1`,
      )
      expect(parseRaw(await raw.receive()).status).toBe(400)
    }
    expect(seen).toHaveLength(0)
  })

  test('a head that drips is given up with 408', async () => {
    const { port } = await startEdge({ timeouts: { headers: 300 } })
    const raw = await openRaw(port)
    raw.send('GET /jwks HTTP/1.1\r\nHost:')
    expect(parseRaw(await raw.receive()).status).toBe(408)
  })
})

describe('operating', () => {
  test('/readyz is not ready while the clocks differ by more than 5 s', async () => {
    let skew = 5
    const { url } = await startEdge({ skew: () => skew })
    expect((await fetch(url('/readyz'))).status).toBe(200)
    skew = -6
    await new Promise((resolve) => setTimeout(resolve, 1050))
    const answer = await fetch(url('/readyz'))
    expect(answer.status).toBe(503)
    expect(await jsonOf(answer)).toMatchObject({ status: 'not_ready', checks: { clock: 'failed', store: 'ok' } })
    expect((await fetch(url('/healthz'))).status).toBe(200)
  })

  test('a graceful stop finishes what is in flight, and takes nothing new', async () => {
    let release: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { edge, post, url, seen } = await startEdge({ token: () => gate.then(() => granted) })
    await (await fetch(url('/healthz'))).text()
    const inFlight = post('/token', 'a=1')
    await until(() => seen.length > 0)
    const stopped = edge.stop(5000)
    await expect(fetch(url('/healthz'))).rejects.toThrow()
    release()
    const answer = await inFlight
    expect(answer.status).toBe(200)
    expect(answer.headers.get('connection')).toBe('close')
    expect(await answer.text()).toContain('access_token')
    await stopped
  })

  test('a stop does not wait for ever', async () => {
    const { edge, post, seen } = await startEdge({ token: () => new Promise(() => undefined) })
    const inFlight = post('/token', 'a=1').catch(() => 'broken off')
    await until(() => seen.length > 0)
    const start = performance.now()
    await edge.stop(200)
    expect(performance.now() - start).toBeLessThan(30_000)
    expect(await inFlight).toBe('broken off')
  })

  test('an address that is taken is a failed start, and leaves no other address bound', async () => {
    const { port, metricsPort } = await startEdge()
    const metrics = createMetrics({ runtimeMetrics: false })
    const log = createLogger({ level: 'silent' })
    const at = { host: '127.0.0.1', behindProxy: false, trustedProxies: [], serve: ['api'] as const }
    const edge = createEdge({
      issuer: 'https://errand.example.com',
      listen: [
        { ...at, port: 0 },
        { ...at, port },
      ],
      routes: [authorizeRoute],
      addressLimit: createRateLimit({ perMinute: 100, clock: systemClock }),
      bodyBytes: 1024,
      dpopNonce: () => 'nonce',
      isTakenBack: () => false,
      clock: systemClock,
      log,
      metrics,
    })
    await expect(edge.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(metricsPort).toBeGreaterThan(0)
  })

  test('/openapi.json describes every route, itself included', async () => {
    const { document } = await startEdge()
    const { paths } = await document()
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/token', '/jwks', '/authorize', '/echo/{id}', '/openapi.json', '/readyz']),
    )
    expect(paths['/token']!['post']!.responses).toHaveProperty('default')
  })
})
