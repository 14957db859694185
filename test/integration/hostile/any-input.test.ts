import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CLIENT_ASSERTION_TYPE, DEPLOY, exchangeForm, type Answer, type BrokerOptions } from '../../support/broker.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import { openScene, unchanged, type Scene } from './scene.js'

/*
 * Whatever comes in: never a 5xx, always an answer as it is documented (the broker of the tests sees to that), and nothing
 * has changed unless the answer says that it has. fast-check prints the seed and the smallest input of a failure.
 */
const RUNS = { numRuns: 120 }

let scene: Scene
let folder: string
let redis: RedisServer | undefined

/** Strings that have broken parsers before, beside random ones. */
const hostile = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\r\nSet-Cookie: a=b',
    '__proto__',
    'constructor',
    'toString',
    'null',
    'undefined',
    'NaN',
    '[object Object]',
    '-1',
    '1e309',
    '0x10',
    '99999999999999999999',
    '../../etc/passwd',
    '%00',
    '%',
    '%zz',
    '*',
    '\\',
    '"',
    '\u2028',
    '\u202e',
    '\ufeff',
    '🙂',
    'é'.normalize('NFD'),
    '\ud800',
    'a'.repeat(5000),
    '{"a":1}',
    '[]',
    "' OR 1=1 --",
    '${7*7}',
    'redis.call("flushall")',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
)
const members: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    hostile,
    fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, 1e308, -0),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(hostile, tie('value'), { maxKeys: 3 }),
  ),
})).value

const options = (): BrokerOptions => {
  folder = mkdtempSync(join(tmpdir(), 'errand-hostile-'))
  const schemaFile = join(folder, 'anything.json')
  writeFileSync(schemaFile, JSON.stringify({ type: 'object' }))
  return {
    ...(redis === undefined ? {} : { store: { url: redis.url, durability: 'strict' } }),
    config: ({ resources: [deploy, ...others], limits }) => ({
      resources: [
        { ...deploy, authorization_details: { anything: { tier: 'reviewed', schema_file: schemaFile } } },
        ...others,
      ],
      limits: { ...limits, pending_per_workload: 10_000, pending_per_group: 100_000 },
    }),
  }
}

/** Refused: nothing has changed. Served: it is one of the statuses of success. */
async function settles(send: () => Promise<Answer>): Promise<Answer> {
  const answer = await send()
  expect(answer.status).toBeLessThan(500)
  return answer
}

const PARAMETERS = [
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
]

describe.each(['the embedded store', 'Redis'])('any input, on %s', (store) => {
  beforeAll(async () => {
    redis = store === 'Redis' ? await startRedis() : undefined
    scene = await openScene(options())
  })
  afterAll(async () => {
    await scene.broker.stop()
    await redis?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('to POST /token', async () => {
    const changes = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...PARAMETERS), hostile), hostile), {
      minLength: 1,
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (given, appended) => {
        const assertion = await scene.broker.assertion({ run_id: 'run-any' })
        const form = new URLSearchParams(exchangeForm(assertion))
        for (const [name, value] of given) {
          if (appended) form.append(name, value)
          else form.set(name, value)
        }
        await settles(() => scene.broker.fetch('/token', { method: 'POST', body: form }))
      }),
      RUNS,
    )
  })

  test('as authorization_details: what is taken is read back as it was sent, and what is refused changes nothing', async () => {
    let taken = 0
    const detail = fc.dictionary(
      hostile.filter((name) => name !== 'type'),
      members,
      { maxKeys: 4 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(detail, { minLength: 1, maxLength: 3 }), async (details) => {
        const asked = details.map((members_) => ({ ...members_, type: 'anything' }))
        const assertion = await scene.broker.assertion({ run_id: `run-${taken}` })
        const form = {
          ...exchangeForm(assertion),
          scope: 'deploy:production',
          authorization_details: JSON.stringify(asked),
          completion_mode: 'deferred',
          purpose: 'details',
          client_assertion: assertion,
          client_assertion_type: CLIENT_ASSERTION_TYPE,
        }
        const answer = await settles(() => scene.broker.post('/token', form))
        if (answer.body['error'] !== 'authorization_pending') return
        taken += 1
        const { body } = await scene.broker.call(
          'GET',
          `/grants/${String(answer.body['grant_id'])}`,
          await scene.broker.person('ann'),
        )
        const [access] = body['access'] as { authorization_details: unknown }[]
        expect(access?.authorization_details).toEqual(JSON.parse(JSON.stringify(asked)))
      }),
      RUNS,
    )
    expect(taken).toBeGreaterThan(10)
  })

  test.each<[string, string]>([
    ['a member stands twice', '[{"type":"anything","a":1,"a":2}]'],
    ['the type stands twice', '[{"type":"something","type":"anything"}]'],
    ['a member stands twice, once by an escape', '[{"type":"anything","a":1,"\\u0061":2}]'],
    ['a member is named __proto__', '[{"type":"anything","__proto__":{"a":1}}]'],
    ['a member holds half of a surrogate pair', '[{"type":"anything","a":"\\ud800"}]'],
    ['a member is null', '[{"type":"anything","a":null}]'],
    ['a number is not exact', '[{"type":"anything","a":9007199254740993}]'],
    ['a number is a fraction', '[{"type":"anything","a":0.1}]'],
    ['it is 33 deep', `[{"type":"anything","a":${'['.repeat(31)}${']'.repeat(31)}}]`],
  ])('as authorization_details in which %s: refused, and nothing changes', async (_case, details) => {
    const assertion = await scene.broker.assertion({ run_id: 'run-details' })
    const form = exchangeForm(assertion, { scope: 'deploy:production', authorization_details: details })
    const answer = await unchanged(scene, () => scene.broker.post('/token', form))
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_authorization_details' } })
  })

  test('to the JSON API', async () => {
    const paths = fc.constantFrom(
      '/grants',
      `/grants/${scene.pending.id}/reviews`,
      `/grants/${scene.pending.id}/revoke`,
      `/tasks/${scene.active.task}/complete`,
      `/tasks/${scene.active.task}/heartbeat`,
    )
    const base = {
      decision: 'approve',
      digest: `sha256:${'0'.repeat(64)}`,
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      purpose: 'any',
      delegate: { issuer: scene.broker.ci.url, claims: { repository_id: '74' } },
    }
    const body = fc.oneof(
      members,
      fc
        .tuple(
          fc.constantFrom(
            ...Object.keys(base),
            'task',
            'credential',
            'delegation',
            'duration_seconds',
            'terms',
            'reason',
            'group',
          ),
          members,
        )
        .map(([name, value]) => ({ ...base, [name]: value })),
    )
    await fc.assert(
      fc.asyncProperty(paths, body, async (path, value) => {
        const auditor = await scene.broker.person('eve', { groups: ['audit', 'platform'] })
        await settles(() => scene.broker.call('POST', path, auditor, value === undefined ? null : value))
      }),
      RUNS,
    )
  })

  test('as what a person asks for: what is taken is read back as it was sent', async () => {
    let taken = 0
    const claims = fc.dictionary(hostile, hostile, { maxKeys: 3 })
    await fc.assert(
      fc.asyncProperty(claims, hostile, hostile, async (more, subject, reference) => {
        const ann = await scene.broker.person('ann')
        const delegate = { issuer: scene.broker.ci.url, subject, claims: { ...more, repository_id: '74' } }
        const body = {
          delegate,
          access: [{ audience: DEPLOY, scope: 'deploy:production' }],
          task: { reference },
          purpose: 'any',
        }
        const answer = await settles(() => scene.broker.call('POST', '/grants', ann, body))
        if (answer.status !== 201) return
        taken += 1
        const read = await scene.broker.call('GET', `/grants/${String(answer.body['id'])}`, ann)
        expect(read).toMatchObject({ status: 200, body: answer.body })
        expect(answer.body['delegate']).toEqual(JSON.parse(JSON.stringify(delegate)))
      }),
      RUNS,
    )
    expect(taken).toBeGreaterThan(10)
  })

  test('as a query or a path: nothing changes', async () => {
    const where = fc.constantFrom(
      '/grants',
      '/evidence/events',
      `/grants/${scene.pending.id}`,
      `/tasks/${scene.active.task}`,
      '/jwks',
      '/authorize',
      '/healthz',
      '/.well-known/oauth-authorization-server',
    )
    const query = fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(
            'cursor',
            'limit',
            'status',
            'grant_id',
            'task_id',
            'workload',
            'person',
            'since',
            'stream',
            'order',
          ),
          hostile,
        ),
        hostile,
      ),
      { maxLength: 3 },
    )
    const person = await scene.broker.person('eve', { groups: ['audit', 'platform'] })
    await fc.assert(
      fc.asyncProperty(where, query, fc.option(hostile), async (path, parameters, tail) => {
        const below = tail === null ? '' : `/${encodeURIComponent(tail.replaceAll(/\p{Cs}/gu, ''))}`
        const send = () =>
          scene.broker.call('GET', `${path}${below}?${new URLSearchParams(parameters).toString()}`, person)
        expect((await unchanged(scene, send)).status).toBeLessThan(500)
      }),
      { numRuns: 80 },
    )
  })
})
