import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { boundedFetch } from '../../../src/runtime/bounded-fetch.js'
import { kubernetes } from '../../../src/workloads/presets/kubernetes.js'
import type { WorkloadSource } from '../../../src/workloads/source.js'
import type { ReviewFailure } from '../../../src/workloads/token-review.js'
import { createTokenReview } from '../../../src/workloads/token-review.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import { freePort } from '../../harness/kit/free-port.mjs'
import { startApiServer, type ApiServer } from '../../support/api-server.js'
import { exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import { createOfflineIssuer, type OfflineIssuer } from '../../support/offline-issuer.js'

const CLUSTER = 'https://kubernetes.default.svc'
const ACCOUNT = 'e6a8680e-d103-4cce-80ea-03acbbeacf7d'
const POD = '0d8b260e-ef0e-45fb-be8e-ff44f97722e8'

const fixture = (name: string): Promise<string> => readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8')

const claims = {
  sub: 'system:serviceaccount:agents:researcher',
  aud: ['errand'],
  exp: TEST_EPOCH + 3600,
  iat: TEST_EPOCH,
  'kubernetes.io': {
    namespace: 'agents',
    pod: { name: 'researcher-0', uid: POD },
    serviceaccount: { name: 'researcher', uid: ACCOUNT },
  },
}

let ca: string
let api: ApiServer
let issuer: OfflineIssuer
let folder: string
let tokenFile: string
let failures: ReviewFailure[] = []
/** Beyond what a slow machine needs; short only where a server lets us wait for it. */
let timeoutMs = 60_000

beforeAll(async () => {
  ca = await fixture('private-ca.pem')
  folder = await mkdtemp(join(tmpdir(), 'errand-review-'))
  tokenFile = join(folder, 'token')
  issuer = await createOfflineIssuer(CLUSTER, ['RS256'])
  api = await startApiServer({ key: await fixture('server-key.pem'), cert: await fixture('server.pem') })
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  await writeFile(tokenFile, 'our-own-token\n')
  api.pods.add(POD)
  api.behave({ kind: 'well' })
  api.reviews.length = 0
  failures = []
  timeoutMs = 60_000
})

const source = (): WorkloadSource => ({
  name: 'cluster',
  preset: 'kubernetes',
  issuer: CLUSTER,
  audiences: ['errand', 'errand-too'],
  require: {},
  owner: 'platform',
  reuse: kubernetes.reuse,
  algorithms: kubernetes.algorithms,
  leeway: 30,
  keys: {},
  mapping: kubernetes.mapping,
  tokenReview: { url: api.url, ca, tokenFile },
})

function believing(changes: Partial<WorkloadSource> = {}) {
  const verify = createWorkloadVerifier({
    sources: [{ ...source(), ...changes }],
    trustDomain: 'errand.example.com',
    ownIssuer: 'https://errand.example.com',
    clock: turnableClock(),
    keys: issuer.keys,
    reviewToken: createTokenReview({
      fetch: (url, options) => boundedFetch(url, { ...options, timeoutMs }),
      onFailed: (_issuer, failure) => failures.push(failure),
    }),
  })
  return async (token: string): Promise<string> => {
    const result = await verify(token)
    return result.ok ? 'believed' : result.refusal.reason
  }
}

const verdictOf = async (changes: Record<string, unknown> = {}): Promise<string> =>
  believing()(await issuer.sign({ ...claims, ...changes }))

describe('TokenReview: whether the pod of a token still runs', () => {
  test('a live pod is believed, by one call with our audiences and our own token', async () => {
    const token = await issuer.sign(claims)
    expect(await believing()(token)).toBe('believed')
    expect(api.reviews).toEqual([
      {
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        authorization: 'Bearer our-own-token',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: ['errand', 'errand-too'] },
        },
      },
    ])
  })

  test('a deleted pod is refused at once: nothing is remembered', async () => {
    const verdict = believing()
    const token = await issuer.sign(claims)
    expect(await verdict(token)).toBe('believed')
    api.pods.delete(POD)
    expect(await verdict(token)).toBe('assertion_not_live')
    api.pods.add(POD)
    expect(await verdict(token)).toBe('believed')
    expect(failures).toEqual([])
  })

  test('our own token is read at each review', async () => {
    await verdictOf()
    await writeFile(tokenFile, 'the-next-one')
    await verdictOf()
    expect(api.reviews.map((review) => review.authorization)).toEqual(['Bearer our-own-token', 'Bearer the-next-one'])
  })

  test('without tokenReview nobody is asked', async () => {
    const { tokenReview: _none, ...plain } = source()
    const verify = createWorkloadVerifier({
      sources: [plain],
      trustDomain: 'errand.example.com',
      ownIssuer: 'https://errand.example.com',
      clock: turnableClock(),
      keys: issuer.keys,
    })
    expect(await verify(await issuer.sign(claims))).toMatchObject({ ok: true })
    expect(api.reviews).toEqual([])
  })
})

describe('invariant 14: strangers cause no call', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['another audience', { aud: ['other'] }, 'assertion_audience_mismatch'],
    ['an expired token', { exp: TEST_EPOCH }, 'assertion_expired'],
    ['no pod', { 'kubernetes.io': { ...claims['kubernetes.io'], pod: undefined } }, 'assertion_claim_missing'],
  ])('%s', async (_name, changes, reason) => {
    expect(await verdictOf(changes)).toBe(reason)
    expect(api.reviews).toEqual([])
  })

  test('a signature that is not the issuer’s', async () => {
    const stranger = await createOfflineIssuer(CLUSTER, ['RS256'])
    expect(await believing()(await stranger.sign(claims))).toBe('assertion_signature_invalid')
    expect(api.reviews).toEqual([])
  })
})

describe('what the API server believed must be what we believed', () => {
  const user = {
    username: claims.sub,
    uid: ACCOUNT,
    extra: { 'authentication.kubernetes.io/pod-uid': [POD] },
  }

  test.each<[string, Record<string, unknown>]>([
    ['it says nothing of being authenticated', { authenticated: undefined }],
    ['authenticated is false', { authenticated: false }],
    ['authenticated is a text', { authenticated: 'true' }],
    ['authenticated is a number', { authenticated: 1 }],
    ['it knows no audiences', { audiences: undefined }],
    ['its list of audiences is empty', { audiences: [] }],
    ['the audience is another', { audiences: ['https://kubernetes.default.svc'] }],
    ['one of the audiences is another', { audiences: ['errand', 'other'] }],
    ['the audience is a text that holds ours', { audiences: 'errand' }],
    ['there is no user', { user: undefined }],
    ['the user is null', { user: null }],
    ['it is another account', { user: { ...user, uid: POD } }],
    ['it is an account of another name', { user: { ...user, username: 'system:serviceaccount:agents:other' } }],
    ['it is bound to no pod', { user: { ...user, extra: {} } }],
    ['it has no extra', { user: { ...user, extra: undefined } }],
    ['it is another pod', { user: { ...user, extra: { 'authentication.kubernetes.io/pod-uid': [ACCOUNT] } } }],
    ['it is two pods', { user: { ...user, extra: { 'authentication.kubernetes.io/pod-uid': [POD, ACCOUNT] } } }],
    ['the pod is a text', { user: { ...user, extra: { 'authentication.kubernetes.io/pod-uid': POD } } }],
  ])('refused where %s', async (_name, status) => {
    api.behave({ kind: 'saying', status })
    expect(await verdictOf()).toBe('assertion_not_live')
  })

  test('believed where all of it is the same', async () => {
    api.behave({ kind: 'saying', status: { user } })
    expect(await verdictOf()).toBe('believed')
  })
})

describe('fail closed: while the API server does not say, nothing is known', () => {
  test.each<[string, Parameters<ApiServer['behave']>[0], ReviewFailure]>([
    ['our own token is not known: 401', { kind: 'status', status: 401 }, { reason: 'fetch_status', status: 401 }],
    ['our own token may not: 403', { kind: 'status', status: 403 }, { reason: 'fetch_status', status: 403 }],
    ['it is too busy: 429', { kind: 'status', status: 429 }, { reason: 'fetch_status', status: 429 }],
    ['it is broken: 500', { kind: 'status', status: 500 }, { reason: 'fetch_status', status: 500 }],
    ['the answer is huge', { kind: 'huge', bytes: 64 * 1024 + 1 }, { reason: 'fetch_too_large' }],
    ['the answer is no JSON', { kind: 'answering', body: 'live' }, { reason: 'review_malformed' }],
    ['the answer is empty', { kind: 'answering', body: '' }, { reason: 'review_malformed' }],
    ['the answer has no status', { kind: 'answering', body: '{"kind":"TokenReview"}' }, { reason: 'review_malformed' }],
    ['the status is a text', { kind: 'answering', body: '{"status":"Failure"}' }, { reason: 'review_malformed' }],
    ['the status is a list', { kind: 'answering', body: '{"status":[]}' }, { reason: 'review_malformed' }],
    [
      'the status stands there twice',
      { kind: 'answering', body: '{"status":{},"status":{"authenticated":true}}' },
      { reason: 'review_malformed' },
    ],
    ['it hangs up', { kind: 'hanging_up' }, { reason: 'fetch_failed', detail: 'ECONNRESET' }],
  ])('%s', async (_name, behaviour, failure) => {
    api.behave(behaviour)
    expect(await verdictOf()).toBe('assertion_review_unavailable')
    expect(failures).toEqual([failure])
  })

  test.each(['silent', 'dripping'] as const)('it is %s: one deadline over all of it', async (kind) => {
    timeoutMs = 300
    api.behave({ kind })
    expect(await verdictOf()).toBe('assertion_review_unavailable')
    expect(failures).toEqual([{ reason: 'fetch_timed_out' }])
  })

  test.each([301, 302, 303, 307, 308])('a redirect, %i, takes neither token anywhere else', async (status) => {
    api.behave({ kind: 'redirecting', status, to: `${api.url}/elsewhere` })
    expect(await verdictOf()).toBe('assertion_review_unavailable')
    expect(failures).toEqual([{ reason: 'fetch_redirect_not_followed' }])
    expect(api.reviews).toHaveLength(1)
  })

  test('nobody listens', async () => {
    const url = `https://127.0.0.1:${String(await freePort())}`
    const verdict = believing({ tokenReview: { url, ca, tokenFile } })
    expect(await verdict(await issuer.sign(claims))).toBe('assertion_review_unavailable')
    expect(failures).toEqual([{ reason: 'fetch_failed', detail: 'ECONNREFUSED' }])
  })

  test('a server that the CA does not know gets neither token', async () => {
    const verdict = believing({ tokenReview: { url: api.url, tokenFile } })
    expect(await verdict(await issuer.sign(claims))).toBe('assertion_review_unavailable')
    expect(api.reviews).toEqual([])
  })

  test('our own token cannot be read', async () => {
    await rm(tokenFile)
    expect(await verdictOf()).toBe('assertion_review_unavailable')
    expect(failures).toEqual([{ reason: 'token_file_unreadable' }])
    expect(api.reviews).toEqual([])
  })

  test('at most 64 reviews at once, and as many again when they are done', async () => {
    const verdict = believing()
    const token = await issuer.sign(claims)
    let release: () => void = () => undefined
    api.behave({ kind: 'held', until: new Promise<void>((resolve) => (release = resolve)) })
    const asked = Array.from({ length: 70 }, () => verdict(token))
    while (api.reviews.length < 64 || failures.length < 6) await new Promise((resolve) => setTimeout(resolve, 10))
    release()
    const verdicts = await Promise.all(asked)
    expect(verdicts.filter((each) => each === 'believed')).toHaveLength(64)
    expect(verdicts.filter((each) => each === 'assertion_review_unavailable')).toHaveLength(6)
    expect(failures).toEqual(Array.from({ length: 6 }, () => ({ reason: 'reviews_too_many' })))
    api.behave({ kind: 'well' })
    expect(await verdict(token)).toBe('believed')
  })
})

describe('a broker with token_review', () => {
  let broker: TestBroker
  beforeAll(async () => {
    await writeFile(tokenFile, 'our-own-token\n')
    broker = await startBroker({
      config: (base) => {
        const [ci] = base.workloads
        const cluster = {
          name: 'ci',
          preset: 'kubernetes',
          issuer: ci?.issuer,
          audiences: ci?.audiences,
          owner: 'platform',
          algorithms: ['ES256'],
          token_review: {
            url: api.url,
            ca_file: new URL('fixtures/private-ca.pem', import.meta.url).pathname,
            token_file: tokenFile,
          },
        }
        const anchor = { '/kubernetes.io/serviceaccount/uid': ACCOUNT }
        const [deploy, ...others] = base.resources
        const scopes = { 'deploy:staging': { tier: 'low', allow: [{ issuer: ci?.issuer, claims: anchor }] } }
        return {
          workloads: [cluster],
          people: base.people.map((entry) => ({ ...entry, links: {} })),
          resources: [{ ...deploy, scopes }, ...others],
        }
      },
    })
  })
  afterAll(() => broker.stop())

  const exchange = async () => {
    const token = await broker.assertion({ sub: claims.sub, 'kubernetes.io': claims['kubernetes.io'] })
    return broker.post('/token', exchangeForm(token))
  }

  test('gives a live pod its credential, and a deleted one none', async () => {
    expect(await exchange()).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
    api.pods.delete(POD)
    expect(await exchange()).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  test('answers 503 while the API server does not say, on every endpoint, and logs why', async () => {
    api.behave({ kind: 'status', status: 403 })
    const answer = await exchange()
    expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('5')
    const token = await broker.assertion({ sub: claims.sub, 'kubernetes.io': claims['kubernetes.io'] })
    expect(await broker.call('GET', '/grants/gr_40000000000000000000000000000000ff', token)).toMatchObject({
      status: 503,
    })
    const line = broker.logs
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find(({ event }) => event === 'token_not_reviewed')
    expect(line).toMatchObject({ level: 'warn', issuer: broker.ci.url, reason: 'fetch_status', status: 403 })
  })
})
