import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { BoundedFetch, FetchRefusal, FetchedBody } from '../../../src/runtime/bounded-fetch.js'
import type { Result } from '../../../src/runtime/result.js'
import { ok, refuse } from '../../../src/runtime/result.js'
import type { IssuerKeys, KeyedIssuer } from '../../../src/workloads/issuer-keys.js'
import { createIssuerKeys } from '../../../src/workloads/issuer-keys.js'
import type { TurnableClock } from '../../support/clock.js'
import { turnableClock } from '../../support/clock.js'

const ISSUER = 'https://ci.example.com'
const source: KeyedIssuer = { issuer: ISSUER, keys: { jwksUri: `${ISSUER}/jwks` } }
const jwk = (kid: string) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})
const setOf = (...keys: readonly unknown[]): Result<FetchedBody, FetchRefusal> =>
  ok({ body: Buffer.from(JSON.stringify({ keys })) })
const down: Result<FetchedBody, FetchRefusal> = refuse({ reason: 'fetch_status', status: 503 })
const a = jwk('a')
const b = jwk('b')

let clock: TurnableClock
let answer: Result<FetchedBody, FetchRefusal>
let fetched: string[]
let keys: IssuerKeys
let hold: Promise<void> | undefined

const fetchIt: BoundedFetch = async (url) => {
  fetched.push(url)
  await hold
  return answer
}

beforeEach(() => {
  clock = turnableClock()
  answer = setOf(a)
  fetched = []
  hold = undefined
  keys = createIssuerKeys({ fetch: fetchIt, clock })
})

const find = async (kid: string | undefined): Promise<string> => {
  const found = await keys.find(source, 'ES256', kid)
  return found.ok ? 'found' : found.refusal
}
/** Lets a refresh in the background come to its end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the keys of an issuer', () => {
  test('are fetched once and held', async () => {
    for (let times = 0; times < 50; times++) expect(await find('a')).toBe('found')
    expect(fetched).toHaveLength(1)
  })

  test('are fetched by one at a time, however many ask', async () => {
    let release: () => void = () => undefined
    hold = new Promise((resolve) => {
      release = resolve
    })
    const asking = Promise.all(Array.from({ length: 50 }, () => find('a')))
    await settle()
    release()
    expect(new Set(await asking)).toEqual(new Set(['found']))
    expect(fetched).toHaveLength(1)
  })

  test('are refreshed in the background: nobody waits', async () => {
    await find('a')
    clock.advance(601)
    answer = setOf(a, b)
    hold = new Promise(() => undefined)
    expect(await find('a')).toBe('found')
    expect(fetched).toHaveLength(2)
  })

  test.each([
    [undefined, 600],
    [3600, 600],
    [120, 120],
    [0, 60],
  ])('with max-age %j they are fresh for %j seconds', async (maxAge, seconds) => {
    answer = ok({ body: Buffer.from(JSON.stringify({ keys: [a] })), ...(maxAge === undefined ? {} : { maxAge }) })
    await find('a')
    clock.advance(seconds - 1)
    await keys.refreshDue()
    expect(fetched).toHaveLength(1)
    clock.advance(1)
    await keys.refreshDue()
    expect(fetched).toHaveLength(2)
  })

  test('a key that was withdrawn is believed no longer', async () => {
    await find('a')
    answer = setOf(b)
    clock.advance(600)
    await keys.refreshDue()
    expect(await find('a')).toBe('key_unknown')
    answer = setOf()
    clock.advance(600)
    await keys.refreshDue()
    expect(await find('b')).toBe('key_unknown')
  })

  test('their age is known', async () => {
    expect(keys.ages()).toEqual([])
    await find('a')
    clock.advance(77)
    expect(keys.ages()).toEqual([{ issuer: ISSUER, seconds: 77 }])
  })

  test('two sources with the same way to the same keys share them', async () => {
    await find('a')
    expect((await keys.find({ issuer: ISSUER, keys: { jwksUri: `${ISSUER}/jwks` } }, 'ES256', 'a')).ok).toBe(true)
    expect(fetched).toHaveLength(1)
  })

  test('issuers that are named beforehand are fetched before anybody asks', async () => {
    keys = createIssuerKeys({ fetch: fetchIt, clock, issuers: [source] })
    await keys.refreshDue()
    hold = new Promise(() => undefined)
    expect(await find('a')).toBe('found')
  })
})

describe('an unknown kid', () => {
  test('fetches at most every 30 seconds, however many strangers ask', async () => {
    await find('a')
    for (let times = 0; times < 100; times++) expect(await find(`stranger-${times}`)).toBe('key_unknown')
    expect(fetched).toHaveLength(1)
    clock.advance(30)
    for (let times = 0; times < 100; times++) expect(await find(`stranger-${times}`)).toBe('key_unknown')
    expect(fetched).toHaveLength(2)
  })

  test('may be a new key: it is found after one fetch', async () => {
    await find('a')
    clock.advance(30)
    answer = setOf(a, b)
    expect(await find('b')).toBe('found')
  })

  test('of an issuer that does not answer: nobody can say', async () => {
    await find('a')
    clock.advance(30)
    answer = down
    expect(await find('b')).toBe('issuer_unavailable')
    expect(await find('a')).toBe('found')
  })
})

describe('an issuer that is down', () => {
  test('is served stale for an hour after the last good fetch, and then no longer', async () => {
    await find('a')
    answer = down
    clock.advance(3599)
    expect(await find('a')).toBe('found')
    clock.advance(1)
    expect(await find('a')).toBe('issuer_unavailable')
  })

  test('is not hammered: 1, 2, 4 … up to 60 seconds between fetches', async () => {
    answer = down
    const at: number[] = []
    const start = clock.now()
    for (let second = 0; second < 300; second++) {
      const before = fetched.length
      for (let times = 0; times < 5; times++) expect(await find('a')).toBe('issuer_unavailable')
      if (fetched.length > before) at.push(clock.now() - start)
      clock.advance(1)
    }
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
  })

  test('is believed again as soon as it answers', async () => {
    answer = down
    await find('a')
    answer = setOf(a)
    clock.advance(1)
    expect(await find('a')).toBe('found')
    clock.advance(30)
    answer = down
    expect(await find('x')).toBe('issuer_unavailable')
    clock.advance(1)
    expect(await find('x')).toBe('issuer_unavailable')
    expect(fetched).toHaveLength(4)
  })

  test('tells the log once for each fetch', async () => {
    const failures: string[] = []
    const loads: number[] = []
    keys = createIssuerKeys({
      fetch: fetchIt,
      clock,
      onFetchFailed: (issuer, { reason }) => failures.push(`${issuer} ${reason}`),
      onFetched: (_issuer, { usable }) => loads.push(usable),
    })
    answer = down
    await find('a')
    await find('a')
    expect(failures).toEqual([`${ISSUER} fetch_status`])
    answer = ok({ body: Buffer.from('[]') })
    clock.advance(1)
    await find('a')
    expect(failures[1]).toBe(`${ISSUER} key_set_invalid`)
    answer = setOf(a, b)
    clock.advance(2)
    await find('a')
    expect(loads).toEqual([2])
  })
})

describe('OpenID Connect Discovery §4', () => {
  const discovering: KeyedIssuer = { issuer: ISSUER, keys: {} }
  const documents = new Map<string, unknown>()
  const reasonOf = async (document: unknown, from: KeyedIssuer = discovering): Promise<string> => {
    documents.clear()
    documents.set(`${from.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, document)
    documents.set(`${ISSUER}/keys`, { keys: [a] })
    let reason = 'fetched'
    keys = createIssuerKeys({
      clock,
      fetch: (url) => {
        const found = documents.get(url)
        return Promise.resolve(
          found === undefined
            ? refuse({ reason: 'fetch_status' as const, status: 404 })
            : ok({ body: Buffer.from(JSON.stringify(found)) }),
        )
      },
      onFetchFailed: (_issuer, failure) => {
        reason = failure.reason
      },
    })
    await keys.find(from, 'ES256', 'a')
    return reason
  }

  test('the document lies below the issuer and leads to the keys', async () => {
    expect(await reasonOf({ issuer: ISSUER, jwks_uri: `${ISSUER}/keys` })).toBe('fetched')
  })

  test('an issuer with a slash at its end', async () => {
    const withSlash: KeyedIssuer = { issuer: `${ISSUER}/`, keys: {} }
    expect(await reasonOf({ issuer: `${ISSUER}/`, jwks_uri: `${ISSUER}/keys` }, withSlash)).toBe('fetched')
    expect(await reasonOf({ issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }, withSlash)).toBe('discovery_invalid')
  })

  test.each([
    ['another issuer', { issuer: 'https://other.example.com', jwks_uri: `${ISSUER}/keys` }],
    ['no issuer', { jwks_uri: `${ISSUER}/keys` }],
    ['no jwks_uri', { issuer: ISSUER }],
    ['a jwks_uri that is no text', { issuer: ISSUER, jwks_uri: [`${ISSUER}/keys`] }],
    ['a jwks_uri without https', { issuer: ISSUER, jwks_uri: 'http://ci.example.com/keys' }],
    ['a jwks_uri on our own machine', { issuer: ISSUER, jwks_uri: 'http://127.0.0.1:6379/' }],
    ['a jwks_uri with a password', { issuer: ISSUER, jwks_uri: 'https://a:b@ci.example.com/keys' }],
    ['a jwks_uri that is a file', { issuer: ISSUER, jwks_uri: 'file:///etc/passwd' }],
    ['a list', []],
  ])('%s is refused', async (_name, document) => {
    expect(await reasonOf(document)).toBe('discovery_invalid')
  })
})
