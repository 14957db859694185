import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import {
  CLIENT_ASSERTION_TYPE,
  DEPLOY,
  deferredForm,
  exchangeForm,
  pollForm,
  startBroker,
  type Answer,
  type TestBroker,
} from '../../support/broker.js'
import { turnableClock, type TurnableClock } from '../../support/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import { allEvidence } from '../../support/watch.js'
import { openRaw } from '../http/raw-client.js'

/*
 * Invariant 10 over everything that a broker does: each flow, each refusal, tokens in every place where they do not belong,
 * an outage. `stop` searches logs, metrics and evidence for every token, code and key of the run, each in every form, and
 * each answer on the way is searched when it comes; here it is seen to it that there is something to find.
 */
let broker: TestBroker
let clock: TurnableClock
let redis: RedisServer | undefined
afterEach(async () => {
  // Where a test has failed before its own stop.
  await broker.stop().catch(() => undefined)
  await redis?.stop()
  redis = undefined
})

const open = async (store?: Readonly<Record<string, unknown>>): Promise<void> => {
  clock = turnableClock(Math.floor(Date.now() / 1000))
  broker = await startBroker({ clock, ...(store === undefined ? {} : { store }) })
}
const CHILD = 'spiffe://errand.test/ci/75'
const TICKET = 'urn:errand:token-type:ticket'
const client = (assertion: string) => ({ client_assertion: assertion, client_assertion_type: CLIENT_ASSERTION_TYPE })
const server = () => ({ Authorization: `Basic ${Buffer.from(`deploy-api:${broker.secret}`).toString('base64')}` })

type Handed = Readonly<Record<'assertion' | 'person' | 'code' | 'credential' | 'ticket', string>>

/** Every flow once; what it left in our hands. */
async function everyFlow(): Promise<Handed> {
  const run = { run_id: 'run-1' }
  const first = await broker.assertion(run)
  const asked = await broker.post('/token', deferredForm(first))
  expect(asked.body).toMatchObject({ error: 'authorization_pending' })
  const code = String(asked.body['deferral_code'])
  const id = String(asked.body['grant_id'])
  expect((await broker.post('/token', pollForm(code, await broker.assertion(run)))).body).toMatchObject({
    error: 'authorization_pending',
  })
  expect((await broker.post('/token', pollForm(code, await broker.assertion(run)))).body).toMatchObject({
    error: 'slow_down',
  })
  await approve(id)
  clock.advance(20)
  const polled = await broker.assertion(run)
  const issued = await broker.post('/token', pollForm(code, polled))
  expect(issued.status).toBe(200)
  expect((await broker.post('/token', pollForm(code, await broker.assertion(run)))).body).toMatchObject({
    error: 'invalid_grant',
  })
  expect((await broker.post('/token', exchangeForm(polled))).body).toMatchObject({ error: 'invalid_request' })
  const credential = String(issued.body['access_token'])
  const ticket = await handOn()

  expect((await broker.post('/introspect', { token: credential }, server())).body).toMatchObject({ active: true })
  expect(await broker.post('/revoke', { token: credential })).toMatchObject({ status: 200 })
  expect((await broker.post('/introspect', { token: credential }, server())).body).toEqual({ active: false })
  const task = String(issued.body['task_id'])
  expect(await broker.call('POST', `/tasks/${task}/heartbeat`, await broker.assertion(run))).toMatchObject({
    status: 200,
  })
  expect(await broker.call('POST', `/tasks/${task}/complete`, await broker.assertion(run))).toMatchObject({
    status: 200,
  })
  expect((await broker.post('/token', deferredForm(await broker.assertion(run)))).body).toMatchObject({
    error: 'access_denied',
  })

  await cancelAndDeny()
  await broker.broker.keys.rotate('a test', { atOnce: true })
  await broker.broker.sweeper.sweep()
  return { assertion: first, person: await broker.person('ann'), code, credential, ticket }
}

async function approve(id: string): Promise<void> {
  const ann = await broker.person('ann')
  const { body } = await broker.call('GET', `/grants/${id}`, ann)
  const review = { decision: 'approve', digest: body['digest'] }
  expect(await broker.call('POST', `/grants/${id}/reviews`, ann, review)).toMatchObject({ status: 201 })
}

/** A window that may be handed on, its credential, a ticket, the child's credential; the ticket again. */
async function handOn(): Promise<string> {
  const asked = await broker.call('POST', '/grants', await broker.person('bea'), {
    delegate: { issuer: broker.ci.url, claims: { repository_id: '74' } },
    access: [{ audience: DEPLOY, scope: 'deploy:production' }],
    delegation: { to: [CHILD], max_depth: 1, max_children: 1 },
    task: { max_tasks: 5 },
    purpose: 'a release',
  })
  expect(asked.status).toBe(201)
  await approve(String(asked.body['id']))
  const run = { run_id: 'run-window' }
  const parent = await broker.post('/token', exchangeForm(await broker.assertion(run), { scope: 'deploy:production' }))
  expect(parent.status).toBe(200)
  const ticketed = await broker.post('/token', {
    ...exchangeForm(String(parent.body['access_token']), { scope: 'deploy:production' }),
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_token_type: TICKET,
    actor: CHILD,
    ...client(await broker.assertion(run)),
  })
  expect(ticketed.status).toBe(200)
  const ticket = String(ticketed.body['access_token'])
  const redeem = async () =>
    broker.post('/token', {
      ...exchangeForm(ticket, { scope: 'deploy:production' }),
      subject_token_type: TICKET,
      actor_token: await broker.assertion({ repository_id: '75', run_id: 'child' }),
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    })
  expect((await redeem()).status).toBe(200)
  expect((await redeem()).status).toBe(400)
  return ticket
}

async function cancelAndDeny(): Promise<void> {
  const run = { run_id: 'run-2' }
  const asked = await broker.post('/token', deferredForm(await broker.assertion(run), { purpose: 'cancelled' }))
  const token = String(asked.body['deferral_code'])
  expect(await broker.post('/revoke', { token, ...client(await broker.assertion(run)) })).toMatchObject({ status: 200 })
  const denied = await broker.post(
    '/token',
    deferredForm(await broker.assertion({ run_id: 'run-3' }), { purpose: 'denied' }),
  )
  const ann = await broker.person('ann')
  const path = `/grants/${String(denied.body['grant_id'])}`
  const { body } = await broker.call('GET', path, ann)
  await broker.call('POST', `${path}/reviews`, ann, { decision: 'deny', digest: body['digest'], reason: 'not today' })
}

const TOKEN_PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'resource',
  'scope',
  'authorization_details',
  'requested_token_type',
  'csr',
  'actor',
  'grant_id',
  'task',
  'lifetime',
  'completion_mode',
  'purpose',
  'client_id',
  'client_assertion',
  'client_assertion_type',
  'deferral_code',
  'token',
  'token_type_hint',
  'unknown',
]
const HEADERS = [
  'X-Request-Id',
  'User-Agent',
  'Cookie',
  'Referer',
  'Origin',
  'DPoP',
  'If-None-Match',
  'X-Forwarded-For',
  'Forwarded',
  'Traceparent',
  'Accept',
  'X-Api-Key',
  'Proxy-Authorization',
]

/** A token where none belongs: everything but 5xx may be answered, and nothing of it may be written. */
async function inEveryOddPlace(name: string, secret: string): Promise<void> {
  const seen: Answer[] = []
  const send = async (path: string, init?: RequestInit) => {
    // So slowly that each refusal is logged: strangers cannot fill the log.
    clock.advance(0.1)
    seen.push(await broker.fetch(path, init))
  }
  const ann = await broker.person('ann')
  const bearer = { Authorization: `Bearer ${ann}`, 'Content-Type': 'application/json' }
  const encoded = encodeURIComponent(secret)

  for (const path of [
    `/${encoded}`,
    `/grants/${encoded}`,
    `/tasks/${encoded}`,
    `/token/${encoded}`,
    `/jwks?token=${encoded}`,
    `/grants?cursor=${encoded}`,
    `/grants?status=${encoded}`,
    `/grants?${encoded}=1`,
    `/authorize?request=${encoded}`,
  ])
    await send(path, { headers: bearer })
  const auditor = { Authorization: `Bearer ${await broker.person('eve', { groups: ['audit'] })}` }
  for (const query of ['workload', 'person', 'grant_id', 'cursor', 'since'])
    await send(`/evidence/events?${query}=${encoded}`, { headers: auditor })
  await send(`/token?subject_token=${encoded}`, { method: 'POST' })
  for (const method of ['PUT', 'DELETE']) await send(`/grants/${encoded}`, { method })

  for (const header of HEADERS) await send('/jwks', { headers: { [header]: secret } })
  for (const value of [
    secret,
    `Bearer ${secret}`,
    `Bearer ${secret} x`,
    `Basic ${secret}`,
    `DPoP ${secret}`,
    `Digest ${secret}`,
  ])
    for (const path of ['/token', '/introspect', '/revoke', '/grants'])
      await send(path, { method: 'POST', headers: { Authorization: value }, body: new URLSearchParams({ token: 'x' }) })

  for (const parameter of TOKEN_PARAMETERS)
    for (const base of [
      exchangeForm(await broker.assertion({ run_id: `odd-${name}` })),
      deferredForm(await broker.assertion({ run_id: `odd-${name}` })),
    ])
      await send('/token', { method: 'POST', body: new URLSearchParams({ ...base, [parameter]: secret }) })
  const form = exchangeForm(await broker.assertion({ run_id: 'odd' }))
  await send('/token', {
    method: 'POST',
    body: new URLSearchParams([...Object.entries(form), [secret, '1'], [secret, '2']]),
  })
  await send('/token', {
    method: 'POST',
    body: new URLSearchParams({ ...form, authorization_details: JSON.stringify([{ type: secret }]) }),
  })
  await send('/token', { method: 'POST', body: new URLSearchParams({ ...form, subject_token: `${secret}.${secret}` }) })
  await send('/token', {
    method: 'POST',
    body: JSON.stringify({ subject_token: secret }),
    headers: { 'Content-Type': 'application/json' },
  })
  for (const parameter of [
    'token',
    'token_type_hint',
    'client_id',
    'client_assertion',
    'client_assertion_type',
    'unknown',
  ])
    for (const path of ['/introspect', '/revoke']) {
      // Revoking what is live would be the end of the test, not of a secret.
      if (path === '/revoke' && parameter === 'token') continue
      await send(path, {
        method: 'POST',
        body: new URLSearchParams({ token: 'x', [parameter]: secret }),
        headers: path === '/introspect' ? server() : {},
      })
    }

  const grant = {
    delegate: { issuer: broker.ci.url, subject: '*', claims: { repository_id: '74' } },
    access: [{ audience: DEPLOY, scope: 'deploy:production' }],
    purpose: `odd ${name}`,
  }
  const bodies: readonly unknown[] = [
    secret,
    [secret],
    { [secret]: 1 },
    { ...grant, [secret]: 1 },
    { ...grant, purpose: secret },
    { ...grant, purpose: `please: ${secret}` },
    { ...grant, delegate: { ...grant.delegate, issuer: secret } },
    { ...grant, delegate: { ...grant.delegate, subject: secret } },
    { ...grant, delegate: { ...grant.delegate, claims: { repository_id: '74', [secret]: 'x' } } },
    { ...grant, delegate: { ...grant.delegate, claims: { repository_id: '74', x: secret } } },
    { ...grant, access: [{ audience: secret, scope: 'a' }] },
    { ...grant, access: [{ audience: DEPLOY, scope: secret }] },
    { ...grant, access: [{ audience: DEPLOY, scope: 'deploy:production', authorization_details: [{ type: secret }] }] },
    { ...grant, task: { description: secret } },
    { ...grant, task: { reference: `https://x.example.com/?token=${secret}` } },
    { ...grant, delegation: { to: [`spiffe://${secret}`], max_depth: 1, max_children: 1 } },
  ]
  for (const body of bodies) await send('/grants', { method: 'POST', headers: bearer, body: JSON.stringify(body) })
  await send('/grants', { method: 'POST', headers: bearer, body: secret })
  const pending = await broker.post('/token', deferredForm(await broker.assertion({ run_id: `review-${name}` })))
  const path = `/grants/${String(pending.body['grant_id'])}/reviews`
  const digest = `sha256:${'0'.repeat(64)}`
  for (const body of [
    { decision: secret, digest },
    { decision: 'deny', digest: secret },
    { decision: 'deny', digest, reason: secret },
    { decision: 'deny', digest, group: secret },
    { decision: 'deny', digest, terms: { id: secret } },
  ])
    await send(path, { method: 'POST', headers: bearer, body: JSON.stringify(body) })
  const { body } = await broker.call('GET', path.replace('/reviews', ''), ann)
  await send(path, {
    method: 'POST',
    headers: bearer,
    body: JSON.stringify({ decision: 'deny', digest: body['digest'], reason: `because ${secret}` }),
  })

  for (const bytes of [
    `${secret} / HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\n${secret}: 1\r\n\r\n`,
    `GET / ${secret}\r\n\r\n`,
    `${secret}\r\n\r\n`,
    `GET http://${secret}/ HTTP/1.1\r\nHost: ${secret}\r\nConnection: close\r\n\r\n`,
  ]) {
    const raw = await openRaw(Number(new URL(broker.url).port))
    raw.send(bytes)
    expect(broker.secrets.foundIn(await raw.receive(150))).toEqual([])
  }
  expect(seen.filter(({ status }) => status >= 500)).toEqual([])
}

/** Tokens of nobody, whose header and claims are tokens themselves. */
async function nested(secret: string): Promise<void> {
  for (const change of [
    { iss: secret },
    { sub: secret, aud: secret },
    { jti: secret, repository_id: secret },
    { run_id: secret },
  ]) {
    const token = await broker.ci.sign({ sub: 'x', aud: broker.url, exp: clock.now() + 60, ...change })
    await broker.post('/token', exchangeForm(token))
    await broker.call('GET', '/grants', token)
  }
  for (const header of [{ kid: secret.slice(0, 500) }, { typ: secret }, { jku: secret }]) {
    const token = await broker.ci.sign({ sub: 'x', aud: broker.url, exp: clock.now() + 60 }, { header })
    await broker.post('/token', exchangeForm(token))
  }
}

const known = (): number => broker.secrets.size

describe('invariant 10: no token, key, secret or code in a log, a metric, an error or an evidence record', () => {
  test('of every flow, and of tokens in every place where none belongs', async () => {
    await open()
    const handed = await everyFlow()
    for (const [name, secret] of Object.entries(handed)) {
      await inEveryOddPlace(name, secret)
      await nested(secret)
    }
    expect(known()).toBeGreaterThan(300)
    expect(broker.logs.length).toBeGreaterThan(800)
    expect((await allEvidence(broker.broker.stores.evidence)).split('\n').length).toBeGreaterThan(50)
    await broker.stop()
  })

  test('on Redis, with an outage in the middle', async () => {
    redis = await startRedis()
    await open({ url: redis.url, durability: 'strict' })
    const handed = await everyFlow()
    await redis.kill()
    const refused = await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'outage' })))
    expect(refused).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await broker.call('GET', '/grants', handed.person)).toMatchObject({ status: 503 })
    expect(await broker.post('/revoke', { token: handed.credential })).toMatchObject({ status: 503 })
    expect(await broker.post('/introspect', { token: handed.credential }, server())).toMatchObject({ status: 503 })
    await redis.restart()
    let answer: Answer
    do {
      await new Promise((resolve) => setTimeout(resolve, 100))
      answer = await broker.post(
        '/token',
        exchangeForm(await broker.assertion({ run_id: `back-${randomBytes(4).toString('hex')}` })),
      )
    } while (answer.status === 503)
    expect(answer.status).toBe(200)
    expect((await allEvidence(broker.broker.stores.evidence)).split('\n').length).toBeGreaterThan(20)
    await broker.stop()
  })
})
