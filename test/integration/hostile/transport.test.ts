import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exchangeForm, type Answer } from '../../support/broker.js'
import { openRaw, parseRaw, type RawAnswer } from '../http/raw-client.js'
import { openScene, unchanged, type Scene } from './scene.js'

let scene: Scene
let port: number
/** Serves once: it must still serve at the end. */
let assertion: string
beforeAll(async () => {
  scene = await openScene()
  port = Number(new URL(scene.broker.url).port)
  assertion = await scene.broker.assertion({ run_id: 'run-transport' })
})
afterAll(() => scene.broker.stop())

const FORM = 'application/x-www-form-urlencoded'
const form = (): string => new URLSearchParams(exchangeForm(assertion)).toString()

/** Sends bytes and looks at what comes back, with nothing of a client's manners in between. */
async function raw(bytes: string | Buffer, silentMs = 400): Promise<RawAnswer & { readonly text: string }> {
  const connection = await openRaw(port)
  connection.send(bytes)
  const text = await connection.receive(silentMs)
  expect(scene.broker.secrets.foundIn(text)).toEqual([])
  return { ...parseRaw(text), text }
}

const still = async (bytes: () => string | Buffer, silentMs?: number) => {
  let answer: Awaited<ReturnType<typeof raw>> | undefined
  await unchanged(
    scene,
    async () => {
      answer = await raw(bytes(), silentMs)
      return { status: answer.status } as Answer
    },
    { verified: false },
  )
  return answer!
}

const post = (more: readonly string[], body = form(), version = 'HTTP/1.1'): string =>
  [`POST /token ${version}`, ...more, '', body].join('\r\n')
const usual = (body = form()): string[] => [
  'Host: x',
  `Content-Type: ${FORM}`,
  `Content-Length: ${Buffer.byteLength(body)}`,
  'Connection: close',
]

describe('what is not HTTP/1.1, or is it in two ways, is refused as malformed, and nothing changes', () => {
  test.each<[string, () => string | Buffer, number]>([
    ['no HTTP at all', () => 'hello\r\n\r\n', 400],
    ['a TLS handshake', () => Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0, 0, 1, 0]), 400],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['HTTP/0.9 without a version', () => 'GET /jwks\r\n\r\n', 400],
    ['HTTP/0.9', () => post(usual(), form(), 'HTTP/0.9'), 400],
    ['HTTP/2.0', () => post(usual(), form(), 'HTTP/2.0'), 400],
    ['no Host (RFC 9112 §3.2)', () => post(usual().slice(1)), 400],
    ['HTTP/3.0', () => post(usual(), form(), 'HTTP/3.0'), 400],
    ['HTTP/1.2', () => post(usual(), form(), 'HTTP/1.2'), 400],
    ['a version in lower case', () => post(usual(), form(), 'http/1.1'), 400],
    ['a method in lower case', () => post(usual()).replace('POST', 'post'), 400],
    ['a method that nobody knows', () => post(usual()).replace('POST', 'FROB'), 400],
    ['a control character in a header', () => post(['Authorization: \x01', ...usual()]), 400],
    ['a NUL in a header', () => post(['X-Thing: a\0b', ...usual()]), 400],
    ['a NUL in the path', () => 'GET /jwks\0 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a space in the path', () => 'GET /jwks x HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a header without a colon', () => post(['garbage', ...usual()]), 400],
    ['a space before the colon', () => post(['X-Thing : a', ...usual()]), 400],
    ['a folded header', () => post(['X-Thing: a\r\n b', ...usual()]), 400],
    ['lines that end in LF alone', () => post(usual()).replaceAll('\r\n', '\n'), 400],
    ['two lengths', () => post(['Content-Length: 3', ...usual()]), 400],
    [
      'two lengths in one header',
      () => post(usual().map((line) => line.replace(/^(Content-Length): (\d+)$/, '$1: $2, $2'))),
      400,
    ],
    [
      'a negative length',
      () => post(usual().map((line) => line.replace(/^Content-Length: .*/, 'Content-Length: -1'))),
      400,
    ],
    [
      'a length with a plus',
      () => post(usual().map((line) => line.replace(/^Content-Length: /, 'Content-Length: +'))),
      400,
    ],
    [
      'a length in hexadecimal',
      () => post(usual().map((line) => line.replace(/^Content-Length: .*/, 'Content-Length: 0x10'))),
      400,
    ],
    ['a length and chunks', () => post(['Transfer-Encoding: chunked', ...usual()]), 400],
    ['chunks by another name', () => post(['Host: x', `Content-Type: ${FORM}`, 'Transfer-Encoding: xchunked']), 400],
    [
      'chunks that are not last',
      () => post(['Host: x', `Content-Type: ${FORM}`, 'Transfer-Encoding: chunked, gzip']),
      400,
    ],
    [
      'a chunk whose length is a word',
      () => post(['Host: x', `Content-Type: ${FORM}`, 'Transfer-Encoding: chunked'], 'zz\r\na\r\n0\r\n\r\n'),
      400,
    ],
    ['headers above 32 KiB', () => post([`X-Thing: ${'a'.repeat(40_000)}`, ...usual()]), 431],
    ['a path above 32 KiB', () => `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [
      'an announced body above 64 KiB',
      () => post(['Host: x', `Content-Type: ${FORM}`, 'Content-Length: 9999999999'], 'a=1'),
      413,
    ],
  ])('%s', async (_case, bytes, status) => {
    const answer = await still(bytes)
    expect({ status: answer.status, text: answer.text.slice(0, 200) }).toMatchObject({ status })
    expect(answer.headers.get('connection')).toBe('close')
    expect(JSON.parse(answer.body)).toEqual(expect.any(Object))
  })

  test('CONNECT, and an upgrade to something else, reach nothing', async () => {
    const connect = await still(() => 'CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n')
    expect(connect.text === '' || connect.status >= 400).toBe(true)
    const upgrade = await still(() =>
      post(['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', ...usual('a=1')], 'a=1'),
    )
    expect(upgrade).toMatchObject({ status: 400 })
    expect(upgrade.headers.get('upgrade')).toBeUndefined()
  })

  test('an expectation that nobody can meet is 417 (RFC 9110 §10.1.1)', async () => {
    const answer = await still(() => post(['Expect: 200-maybe', ...usual()]))
    expect(answer.status).toBe(417)
  })
})

describe('a header is data', () => {
  test('no header of a request comes back in an answer, or begins a line of it', async () => {
    const probe = 'probe-value-1234567890'
    const headers = [
      'X-Request-Id',
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'Forwarded',
      'Origin',
      'Referer',
      'If-None-Match',
      'User-Agent',
      'Traceparent',
      'Cookie',
      'Accept',
      'Accept-Language',
      'X-HTTP-Method-Override',
      'DPoP',
    ]
    const answer = await still(() => post([...headers.map((name) => `${name}: ${probe}`), ...usual('a=1')], 'a=1'))
    expect(answer.status).toBe(400)
    expect(answer.text).not.toContain(probe)
  })

  test('nothing is taken from Host, nor from an absolute target', async () => {
    const get = (target: string, host: string) =>
      still(() => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    for (const answer of [
      await get('/.well-known/oauth-authorization-server', 'evil.example.com'),
      await get('http://evil.example.com/.well-known/oauth-authorization-server', 'evil.example.com'),
    ]) {
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('evil')
      expect(JSON.parse(answer.body)).toMatchObject({ issuer: scene.broker.url })
    }
  })

  test.each([
    ['two Authorization headers', ['Authorization: Basic YTpi', 'Authorization: Bearer abc']],
    ['an Authorization header that is empty', ['Authorization:']],
  ])('%s: 401', async (_case, headers) => {
    const answer = await still(() => post([...headers, ...usual()]))
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_client' })
  })

  test('X-HTTP-Method-Override and _method override nothing', async () => {
    const answer = await still(
      () => `GET /token?_method=POST HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: POST\r\nConnection: close\r\n\r\n`,
    )
    expect(answer.status).toBe(405)
  })
})

describe('methods', () => {
  const PATHS: [string, () => string, string][] = [
    ['/token', () => '/token', 'POST'],
    ['/introspect', () => '/introspect', 'POST'],
    ['/revoke', () => '/revoke', 'POST'],
    ['/grants', () => '/grants', 'POST, GET, HEAD'],
    ['/grants/{id}', () => `/grants/${scene.pending.id}`, 'GET, HEAD'],
    ['/grants/{id}/reviews', () => `/grants/${scene.pending.id}/reviews`, 'POST'],
    ['/grants/{id}/revoke', () => `/grants/${scene.active.id}/revoke`, 'POST'],
    ['/tasks/{id}', () => `/tasks/${scene.active.task}`, 'GET, HEAD'],
    ['/tasks/{id}/complete', () => `/tasks/${scene.active.task}/complete`, 'POST'],
    ['/tasks/{id}/heartbeat', () => `/tasks/${scene.active.task}/heartbeat`, 'POST'],
    ['/evidence/events', () => '/evidence/events', 'GET, HEAD'],
    ['/jwks', () => '/jwks', 'GET, HEAD'],
    ['/healthz', () => '/healthz', 'GET, HEAD'],
    ['/openapi.json', () => '/openapi.json', 'GET, HEAD'],
  ]
  test.each(PATHS)(
    '%s serves its own, and all others are 405 with Allow, for the strongest person too',
    async (_case, path, allow) => {
      const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK', 'PURGE']
      for (const method of methods.filter((name) => !allow.split(', ').includes(name))) {
        const person = await scene.broker.person('ann', { groups: ['platform', 'security', 'operators', 'audit'] })
        const answer = await still(
          () =>
            `${method} ${path()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        )
        expect({ method, status: answer.status, allow: answer.headers.get('allow') }).toEqual({
          method,
          status: 405,
          allow,
        })
      }
    },
  )

  test('OPTIONS * and a CORS preflight are told nothing', async () => {
    expect((await still(() => 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).status).toBe(404)
    const preflight = await still(
      () =>
        'OPTIONS /token HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example.com\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n',
    )
    expect(preflight.status).toBe(405)
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('HEAD is GET without the body, and changes as little', async () => {
    const person = await scene.broker.person('ann')
    const answer = await unchanged(scene, () =>
      scene.broker.fetch(`/grants/${scene.pending.id}`, {
        method: 'HEAD',
        headers: { Authorization: `Bearer ${person}` },
      }),
    )
    expect(answer).toMatchObject({ status: 200, body: { text: '' } })
  })
})

describe('paths mean what they say, and nothing else', () => {
  test.each<[string, number]>([
    ['//token', 404],
    ['/./token', 404],
    ['/x/../token', 404],
    ['/token/', 404],
    ['/Token', 404],
    ['/token;a=b', 404],
    ['/token%00', 404],
    ['/token%20', 404],
    ['/token%2f', 404],
    ['/%2ftoken', 404],
    ['/tok%65n', 404],
    ['/token.json', 404],
    ['/\\token', 404],
    ['/token\\', 404],
    ['/%c0%ae%c0%ae/token', 404],
    ['/.well-known/../token', 404],
    ['/console/../token', 404],
  ])('POST %s is not served', async (path, status) => {
    const body = form()
    const answer = await still(() => [`POST ${path} HTTP/1.1`, ...usual(body), '', body].join('\r\n'))
    expect({ path, status: answer.status }).toEqual({ path, status })
  })

  test.each<[string, number]>([
    ['/grants/%zz', 400],
    ['/grants/%c0%af', 400],
    ['/grants/%ff', 400],
    ['/grants/%', 400],
    ['/grants/..%2f..%2fetc%2fpasswd', 404],
    ['/grants/%2e%2e/jwks', 404],
    ['/grants//', 404],
    ['/grants/x/y/z', 404],
    ['/metrics/../grants', 404],
    ['/index.html', 404],
    ['/.env', 404],
    ['/.git/config', 404],
    ['/__proto__', 404],
    ['/constructor', 404],
  ])('GET %s is refused', async (path, status) => {
    const person = await scene.broker.person('ann')
    const answer = await still(
      () => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person}\r\nConnection: close\r\n\r\n`,
    )
    expect({ path, status: answer.status }).toEqual({ path, status })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })
})

describe('several requests on one connection', () => {
  test('each is answered by itself, in order', async () => {
    const two = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const { text } = await raw(two)
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404'])
  })

  test('what follows a refused body is not read as a request', async () => {
    const smuggled = `GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`
    const { text } = await raw(
      post(['Host: x', `Content-Type: ${FORM}`, 'Content-Length: 70000'], smuggled.repeat(2000)),
      600,
    )
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413'])
  })
})

test('HTTP/1.0 is served, and the assertion, which nothing above has spent, serves', async () => {
  const body = form()
  const connection = await openRaw(port)
  connection.send(post(usual(body), body, 'HTTP/1.0').replace('Connection: close\r\n', ''))
  const answer = parseRaw(await connection.receive())
  expect({ status: answer.status, connection: answer.headers.get('connection') }).toEqual({
    status: 200,
    connection: 'close',
  })
  const { access_token, scope } = JSON.parse(answer.body) as { access_token: string; scope: string }
  scene.broker.secrets.keep(access_token, 'a credential')
  expect(scope).toBe('deploy:staging')
})
