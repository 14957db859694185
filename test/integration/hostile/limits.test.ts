import { afterEach, describe, expect, test } from '@jest/globals'
import {
  CLIENT_ASSERTION_TYPE,
  exchangeForm,
  startBroker,
  type BrokerOptions,
  type TestBroker,
} from '../../support/broker.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'
import { startIssuer, type TestIssuer } from '../../support/issuer.js'

const running: TestBroker[] = []
const issuers: TestIssuer[] = []
afterEach(async () => {
  for (const broker of running.splice(0)) await broker.stop()
  for (const issuer of issuers.splice(0)) await issuer.stop()
})

async function open(options: BrokerOptions): Promise<{ broker: TestBroker; clock: TurnableClock }> {
  const clock = turnableClock(Math.floor(Date.now() / 1000))
  const broker = await startBroker({ clock, ...options })
  running.push(broker)
  return { broker, clock }
}
const limited = (workload: number, address: number): BrokerOptions => ({
  config: { limits: { requests_per_minute: { workload, address } } },
})
const MANY = 1_000_000

describe('a workload that comes too fast', () => {
  test('gets 429 with Retry-After, in which nothing is spent; others are served meanwhile', async () => {
    const { broker, clock } = await open(limited(60, MANY))
    for (let at = 0; at < 10; at += 1) {
      const answer = await broker.post('/token', exchangeForm(await broker.assertion({ run_id: `r${at}` })))
      expect(answer.status).toBe(200)
    }
    const assertion = await broker.assertion({ run_id: 'late' })
    const refused = await broker.post('/token', exchangeForm(assertion))
    expect(refused).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } })
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    const other = await broker.post('/token', exchangeForm(await broker.assertion({ repository_id: '75' })))
    expect(other).toMatchObject({ status: 400, body: { error: 'access_denied' } })

    clock.advance(wait)
    expect(await broker.post('/token', exchangeForm(assertion))).toMatchObject({ status: 200 })
    expect((await broker.fetch('/metrics')).body['text']).toContain('errand_rate_limited_total{by="workload"} 1')
  })

  test('is one workload whatever else it says of itself: a pipeline can name any number of environments', async () => {
    const { broker } = await open({
      config: ({ workloads: [ci] }) => ({
        workloads: [{ ...ci, mapping: { ...ci?.mapping, segments: ['environment'] } }],
        limits: { requests_per_minute: { workload: 60, address: MANY } },
      }),
    })
    const statuses = []
    for (let at = 0; at < 12; at += 1) {
      const assertion = await broker.assertion({ run_id: `r${at}`, environment: `e${at}` })
      statuses.push((await broker.post('/token', exchangeForm(assertion))).status)
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429, 429])
  })

  test('is one workload at all endpoints together, whatever its run', async () => {
    const { broker } = await open(limited(60, MANY))
    for (let at = 0; at < 5; at += 1) {
      expect((await broker.post('/token', exchangeForm(await broker.assertion({ run_id: `r${at}` })))).status).toBe(200)
      expect((await broker.call('GET', '/grants', await broker.assertion({ run_id: `q${at}` }))).status).toBe(200)
    }
    for (const [method, path] of [
      ['GET', '/grants'],
      ['POST', `/tasks/tk_4${'0'.repeat(33)}/heartbeat`],
    ] as const) {
      const answer = await broker.call(method, path, await broker.assertion())
      expect(answer).toMatchObject({ status: 429, body: { type: 'urn:errand:problem:too_fast' } })
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    const cancelled = await broker.post('/revoke', {
      token: `dc_${'A'.repeat(43)}`,
      client_assertion: await broker.assertion(),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
    })
    expect(cancelled).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } })
    expect((await broker.call('GET', '/grants', await broker.person('ann'))).status).toBe(200)
  })
})

describe('an address that comes too fast', () => {
  test('gets 429 with Retry-After in the form of the endpoint, before anything is read', async () => {
    const { broker, clock } = await open(limited(MANY, 60))
    // The description is fetched by the test: it counts, too.
    await broker.fetch('/jwks')
    let served = 0
    while ((await broker.fetch('/jwks')).status === 200) served += 1
    expect(served).toBeLessThan(10)
    const problem = await broker.call('GET', '/grants')
    expect(problem).toMatchObject({ status: 429, body: { type: 'urn:errand:problem:too_fast' } })
    expect(await broker.fetch('/nowhere')).toMatchObject({ status: 429 })
    const oauth = await broker.post('/token', exchangeForm(await broker.assertion()))
    expect(oauth).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } })
    const wait = Number(oauth.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    clock.advance(wait)
    expect((await broker.fetch('/jwks')).status).toBe(200)
  })

  test.each<[string, Readonly<Record<string, string>>]>([
    ['/token', exchangeForm('no.good.token')],
    [
      '/revoke',
      {
        token: `dc_${'A'.repeat(43)}`,
        client_assertion: 'no.good.token',
        client_assertion_type: CLIENT_ASSERTION_TYPE,
      },
    ],
  ])('at %s an attempt that proves nothing costs ten times as much', async (path, form) => {
    const { broker } = await open(limited(MANY, 600))
    await broker.fetch('/jwks')
    let tries = 0
    while ((await broker.post(path, form)).status < 429) tries += 1
    expect(tries).toBeLessThanOrEqual(10)
    expect((await broker.fetch('/jwks')).status).toBe(429)
  })
})

describe('behind a proxy', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address })
  const behind = (trusted: readonly string[]): BrokerOptions => ({
    config: ({ listen: [listener] }) => ({
      listen: [
        {
          ...listener,
          serve: ['api'],
          behind_proxy: true,
          ...(trusted.length === 0 ? {} : { trusted_proxies: trusted }),
        },
      ],
      limits: { requests_per_minute: { workload: MANY, address: 60 } },
    }),
  })
  const use = async (broker: TestBroker, headers: Record<string, string>): Promise<number> => {
    let served = 0
    while (served < 30 && (await broker.fetch('/jwks', { headers })).status === 200) served += 1
    return served
  }

  test('that is trusted, each address has its own limit, and what a client adds on the left is not believed', async () => {
    const { broker } = await open(behind(['127.0.0.1']))
    await broker.fetch('/jwks', { headers: from('192.0.2.9') })
    expect(await use(broker, from('192.0.2.1'))).toBe(10)
    expect(await use(broker, from('192.0.2.2'))).toBe(10)
    expect(await use(broker, from('198.51.100.7, 192.0.2.1'))).toBe(0)
    expect(await use(broker, from('192.0.2.3, 192.0.2.2'))).toBe(0)
    expect(await use(broker, from('2001:db8::1'))).toBe(10)
    // One IPv6 host has its /64 to itself.
    expect(await use(broker, from('2001:db8::2'))).toBe(0)
  })

  test('that is not trusted, the header means nothing', async () => {
    const { broker } = await open(behind([]))
    await broker.fetch('/jwks')
    expect(await use(broker, from('192.0.2.1'))).toBeLessThan(10)
    expect(await use(broker, from('192.0.2.2'))).toBe(0)
    for (const header of ['Forwarded', 'X-Real-IP', 'CF-Connecting-IP', 'True-Client-IP', 'X-Client-IP'])
      expect(await use(broker, { [header]: '192.0.2.3' })).toBe(0)
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['a space', ' '],
    ['a comma', ','],
    ['unknown', 'unknown'],
    ['an obfuscated name', '_hidden'],
    ['a number', '1'],
    ['a short form of loopback', '127.1'],
    ['a form in hexadecimal', '0x7f.1'],
    ['numbers out of range', '999.1.1.1'],
    ['the proxy itself', '127.0.0.1'],
    ['the proxy itself twice', '127.0.0.1, 127.0.0.1'],
    ['a quote', "'; drop"],
    ['8,000 letters', 'a'.repeat(8000)],
    ['2,000 addresses and no last one', '1.1.1.1,'.repeat(2000)],
  ])('a header that says %s counts for the last hop that vouched', async (_case, value) => {
    const { broker } = await open(behind(['127.0.0.1']))
    // The description, which the test fetches from this address, counts too.
    await broker.fetch('/jwks', { headers: from('192.0.2.9') })
    expect(await use(broker, from(value))).toBe(9)
    expect(await use(broker, {})).toBe(0)
    for (const line of broker.logs) expect(line.length).toBeLessThan(2000)
  })
})

describe('the issuer of workloads is down', () => {
  test('503 with Retry-After at every endpoint, nothing is spent or charged, and it recovers by itself', async () => {
    const ci = await startIssuer()
    issuers.push(ci)
    ci.behave({ kind: 'down' })
    const { broker, clock } = await open({
      config: ({ workloads: [source], limits }) => ({
        workloads: [{ ...source, issuer: ci.url }],
        resources: [
          {
            audience: 'https://deploy.example.com',
            scopes: { 'deploy:staging': { tier: 'low', allow: [{ issuer: ci.url, claims: { repository_id: '74' } }] } },
          },
        ],
        tiers: { low: { approval: 'policy', max_ttl: '15m' } },
        limits: { requests_per_minute: { ...limits.requests_per_minute, address: 60 } },
      }),
    })
    const assertion = await ci.sign({
      sub: 'repo:acme/shop',
      aud: broker.url,
      exp: clock.now() + 3600,
      jti: 'one',
      repository_id: '74',
      run_id: 'r',
      actor_id: '5',
    })
    broker.secrets.keep(assertion, 'an assertion')
    const client = { client_assertion: assertion, client_assertion_type: CLIENT_ASSERTION_TYPE }
    const before = await broker.broker.stores.evidence.heads()
    const answers = [
      await broker.post('/token', exchangeForm(assertion)),
      await broker.post('/token', {
        ...client,
        grant_type: 'client_credentials',
        audience: 'https://deploy.example.com',
        scope: 'deploy:staging',
      }),
      await broker.post('/revoke', { ...client, token: `dc_${'A'.repeat(43)}` }),
      await broker.call('GET', '/grants', assertion),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(503)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    expect(await broker.broker.stores.evidence.heads()).toEqual(before)

    ci.behave({ kind: 'well' })
    clock.advance(61)
    expect(await broker.post('/token', exchangeForm(assertion))).toMatchObject({ status: 200 })
  })

  test.each(['hanging_up', 'silent'] as const)('also when it is %s, in a time that is bounded', async (kind) => {
    const ci = await startIssuer()
    issuers.push(ci)
    ci.behave({ kind })
    const { broker, clock } = await open({
      config: ({ workloads: [source] }) => ({
        workloads: [{ ...source, issuer: ci.url }],
        resources: [
          {
            audience: 'https://deploy.example.com',
            scopes: {
              'deploy:staging': { tier: 'low', allow: [{ issuer: ci.url, claims: { repository_id: '74' } }] },
            },
          },
        ],
        tiers: { low: { approval: 'policy', max_ttl: '15m' } },
      }),
    })
    const claims = {
      sub: 'x',
      aud: broker.url,
      exp: clock.now() + 3600,
      jti: 'one',
      repository_id: '74',
      run_id: 'r',
    }
    const started = performance.now()
    expect(await broker.post('/token', exchangeForm(await ci.sign(claims)))).toMatchObject({ status: 503 })
    expect(performance.now() - started).toBeLessThan(60_000)
  })
})
