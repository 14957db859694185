import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { boundedFetch } from '../../../src/runtime/bounded-fetch.js'
import type { IssuerKeys, KeyFetchRefusal } from '../../../src/workloads/issuer-keys.js'
import { createIssuerKeys } from '../../../src/workloads/issuer-keys.js'
import type { KeySource, WorkloadSource } from '../../../src/workloads/source.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import type { TurnableClock } from '../../support/clock.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import type { IssuerOptions, TestIssuer } from '../../support/issuer.js'
import { startIssuer } from '../../support/issuer.js'

let clock: TurnableClock
let issuers: TestIssuer[] = []
let failures: KeyFetchRefusal['reason'][] = []
/** The program's own deadline; shorter only while an issuer lets us wait for it. */
let timeoutMs = 5000

beforeEach(() => {
  clock = turnableClock()
  failures = []
  timeoutMs = 5000
})
afterEach(async () => {
  await Promise.all(issuers.map((issuer) => issuer.stop()))
  issuers = []
})

async function start(options: IssuerOptions = {}): Promise<TestIssuer> {
  const issuer = await startIssuer(options)
  issuers.push(issuer)
  return issuer
}

const keysOf = (): IssuerKeys =>
  createIssuerKeys({
    fetch: (url, options) => boundedFetch(url, { ...options, timeoutMs }),
    clock,
    onFetchFailed: (_issuer, failure) => failures.push(failure.reason),
  })

function believing(issuer: TestIssuer, keys: KeySource = {}, keeper = keysOf()) {
  const source: WorkloadSource = {
    name: 'ci',
    preset: 'generic',
    issuer: issuer.url,
    audiences: ['errand'],
    require: {},
    owner: 'platform',
    reuse: 'once',
    algorithms: ['ES256', 'RS256'],
    leeway: 30,
    keys,
    mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
  }
  const verify = createWorkloadVerifier({
    sources: [source],
    trustDomain: 'errand.example.com',
    ownIssuer: 'https://errand.example.com',
    clock,
    keys: keeper,
  })
  return async (token: string): Promise<string> => {
    const result = await verify(token)
    return result.ok ? 'believed' : result.refusal.reason
  }
}

const token = (issuer: TestIssuer, header: Record<string, unknown> = {}): Promise<string> =>
  issuer.sign({ sub: 'job:1', aud: 'errand', exp: TEST_EPOCH + 86_400, iat: TEST_EPOCH }, { header })

describe('keys of a real issuer', () => {
  test('are found by discovery and fetched once', async () => {
    const issuer = await start()
    const verdict = believing(issuer)
    const verdicts = await Promise.all(Array.from({ length: 20 }, async () => verdict(await token(issuer))))
    expect(new Set(verdicts)).toEqual(new Set(['believed']))
    expect(issuer.fetches).toEqual({ discovery: 1, jwks: 1 })
  })

  test('of an issuer with a path', async () => {
    const issuer = await start({ path: '/realms/ci' })
    expect(await believing(issuer)(await token(issuer))).toBe('believed')
  })

  test('at a configured jwks_uri need no discovery', async () => {
    const issuer = await start()
    expect(await believing(issuer, { jwksUri: `${issuer.url}/jwks` })(await token(issuer))).toBe('believed')
    expect(issuer.fetches).toEqual({ discovery: 0, jwks: 1 })
  })

  test('rotate: the new key is found, the old one no longer believed', async () => {
    const issuer = await start()
    const verdict = believing(issuer)
    const old = await token(issuer)
    expect(await verdict(old)).toBe('believed')
    await issuer.rotate()
    clock.advance(31)
    expect(await verdict(await token(issuer))).toBe('believed')
    expect(await verdict(old)).toBe('assertion_key_unknown')
  })

  test('are not asked for again by strangers', async () => {
    const issuer = await start()
    const verdict = believing(issuer)
    await verdict(await token(issuer))
    const strangers = await Promise.all(Array.from({ length: 50 }, (_, at) => token(issuer, { kid: `stranger-${at}` })))
    for (const stranger of strangers) expect(await verdict(stranger)).toBe('assertion_key_unknown')
    expect(issuer.fetches.jwks).toBe(1)
    clock.advance(31)
    for (const stranger of strangers) expect(await verdict(stranger)).toBe('assertion_key_unknown')
    expect(issuer.fetches.jwks).toBe(2)
  })

  test('that are weak are no keys', async () => {
    const issuer = await start({ algorithms: ['RS256'] })
    const [good] = issuer.jwks.keys
    issuer.publish({ keys: [{ ...good, e: 'AQ' }] })
    const verdict = believing(issuer)
    expect(await verdict(await token(issuer))).toBe('assertion_key_unknown')
    issuer.publish(undefined)
    clock.advance(31)
    expect(await verdict(await token(issuer))).toBe('believed')
  })
})

describe('an issuer in trouble', () => {
  test.each([
    ['down', { kind: 'down' } as const, 'fetch_status'],
    ['hanging up', { kind: 'hanging_up' } as const, 'fetch_failed'],
    ['silent', { kind: 'silent' } as const, 'fetch_timed_out'],
    ['dripping', { kind: 'dripping' } as const, 'fetch_timed_out'],
    ['too late', { kind: 'late', ms: 1000 } as const, 'fetch_timed_out'],
    ['sending too much', { kind: 'huge', bytes: 256 * 1024 + 1 } as const, 'fetch_too_large'],
    ['sending what is no JSON', { kind: 'huge', bytes: 256 * 1024 } as const, 'discovery_invalid'],
    [
      'redirecting elsewhere',
      { kind: 'redirecting', to: 'https://evil.example.com/' } as const,
      'fetch_redirect_not_followed',
    ],
    [
      'redirecting to another port',
      { kind: 'redirecting', to: 'http://127.0.0.1:1/' } as const,
      'fetch_redirect_not_followed',
    ],
    [
      'redirecting without end',
      { kind: 'redirecting', to: '/.well-known/openid-configuration' } as const,
      'fetch_redirect_not_followed',
    ],
    ['redirecting nowhere', { kind: 'redirecting', to: 'http://' } as const, 'fetch_redirect_not_followed'],
  ])('%s is unavailable, and what was held goes on', async (_name, behaviour, reason) => {
    const issuer = await start()
    const verdict = believing(issuer)
    issuer.behave(behaviour)
    if (reason === 'fetch_timed_out') timeoutMs = 200
    expect(await verdict(await token(issuer))).toBe('assertion_issuer_unavailable')
    expect(failures).toEqual([reason])
    timeoutMs = 5000
    issuer.behave({ kind: 'well' })
    clock.advance(1)
    expect(await verdict(await token(issuer))).toBe('believed')
    if (reason === 'fetch_timed_out') timeoutMs = 200
    issuer.behave(behaviour)
    clock.advance(3000)
    expect(await verdict(await token(issuer))).toBe('believed')
    clock.advance(600)
    expect(await verdict(await token(issuer))).toBe('assertion_issuer_unavailable')
  })

  test('is not hammered by those who wait for it (measurements, trap 2)', async () => {
    const issuer = await start()
    const verdict = believing(issuer)
    issuer.behave({ kind: 'down' })
    const tokens = await Promise.all(Array.from({ length: 50 }, () => token(issuer)))
    for (const one of tokens) await verdict(one)
    expect(issuer.fetches.discovery).toBe(1)
  })

  test('a redirect within the issuer is followed', async () => {
    const issuer = await start()
    issuer.behave({ kind: 'redirecting', to: '/nothing-here' })
    const answer = await boundedFetch(`${issuer.url}/jwks`, { timeoutMs, maxBytes: 1024 })
    expect(answer).toEqual({ ok: false, refusal: { reason: 'fetch_status', status: 404 } })
  })
})

describe('a private CA and a token for the fetches (Kubernetes)', () => {
  const fixture = (name: string): Promise<string> => readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
  let folder: string
  let ca: string
  let issuer: TestIssuer

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-keys-'))
    ca = await fixture('private-ca.pem')
    issuer = await start({ tls: { key: await fixture('server-key.pem'), cert: await fixture('server.pem') } })
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  test('without the CA the server is nobody', async () => {
    expect(await believing(issuer)(await token(issuer))).toBe('assertion_issuer_unavailable')
    expect(await believing(issuer, { ca })(await token(issuer))).toBe('believed')
  })

  test('the token is read at each fetch', async () => {
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'first\n')
    const keeper = keysOf()
    const verdict = believing(issuer, { ca, tokenFile }, keeper)
    expect(await verdict(await token(issuer))).toBe('believed')
    expect(issuer.lastAuthorization).toBe('Bearer first')
    await writeFile(tokenFile, 'second\n')
    clock.advance(600)
    await keeper.refreshDue()
    expect(issuer.lastAuthorization).toBe('Bearer second')
  })

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['two lines', 'a\r\nX-Evil: b'],
  ])('a token file that is %s fetches nothing', async (_name, content) => {
    const tokenFile = join(folder, 'token')
    if (content !== undefined) await writeFile(tokenFile, content)
    expect(await believing(issuer, { ca, tokenFile })(await token(issuer))).toBe('assertion_issuer_unavailable')
    expect(failures).toEqual(['token_file_unreadable'])
    expect(issuer.fetches.discovery).toBe(0)
  })

  test('without a private CA the token goes to the issuer alone', async () => {
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'secret')
    const home = await start()
    const other = await start()
    home.behave({ kind: 'discovering', document: { issuer: home.url, jwks_uri: `${other.url}/jwks` } })
    await believing(home, { tokenFile })(await token(home))
    expect(home.lastAuthorization).toBe('Bearer secret')
    expect(other.fetches.jwks).toBe(1)
    expect(other.lastAuthorization).toBeUndefined()
  })
})
