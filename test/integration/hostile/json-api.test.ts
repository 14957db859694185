import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CLIENT_ASSERTION_TYPE, DEPLOY, type Answer } from '../../support/broker.js'
import { openScene, unchanged, type Scene } from './scene.js'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene.broker.stop())

const UNKNOWN_GRANT = `gr_4${'0'.repeat(33)}`
const UNKNOWN_TASK = `tk_4${'0'.repeat(33)}`
const ann = () => scene.broker.person('ann')
const operator = () => scene.broker.person('olga', { groups: ['operators'] })
const auditor = () => scene.broker.person('eve', { groups: ['audit'] })
const nobody = () => scene.broker.person('nils', { groups: [] })

const send = (path: string, token: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
  scene.broker.fetch(path, {
    method: 'POST',
    body,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
  })

/** Every POST of JSON, with a body that would do something. */
const POSTS: readonly {
  readonly name: string
  path: () => string
  body: () => object
  token: () => Promise<string>
}[] = [
  { name: 'POST /grants', path: () => '/grants', body: grant, token: ann },
  { name: 'POST /grants/{id}/reviews', path: () => `/grants/${scene.pending.id}/reviews`, body: review, token: ann },
  {
    name: 'POST /grants/{id}/revoke',
    path: () => `/grants/${scene.active.id}/revoke`,
    body: () => ({}),
    token: operator,
  },
  {
    name: 'POST /tasks/{id}/complete',
    path: () => `/tasks/${scene.active.task}/complete`,
    body: () => ({}),
    token: operator,
  },
  {
    name: 'POST /tasks/{id}/heartbeat',
    path: () => `/tasks/${scene.active.task}/heartbeat`,
    body: () => ({}),
    token: () => scene.broker.assertion({ run_id: scene.active.run }),
  },
]

function grant(): Record<string, unknown> {
  return {
    delegate: { issuer: scene.broker.ci.url, subject: 'repo:acme/shop', claims: { repository_id: '74' } },
    access: [{ audience: DEPLOY, scope: 'deploy:production' }],
    purpose: 'a release',
  }
}
function review(): Record<string, unknown> {
  return { decision: 'approve', digest: scene.pending.digest }
}

describe.each(POSTS)('$name refuses, and nothing changes, when its body', ({ path, body, token }) => {
  const text = () => JSON.stringify(body())
  const within = (member: string) => text().replace(/\}$/, `${text() === '{}' ? '' : ','}${member}}`)
  test.each<[string, () => string | Uint8Array<ArrayBuffer>, string | undefined, number, string]>([
    ['is no JSON', () => '{', undefined, 400, 'malformed_json'],
    ['is a token', () => scene.active.token, undefined, 400, 'malformed_json'],
    ['is followed by something', () => `${text()} x`, undefined, 400, 'malformed_json'],
    ['begins with a byte order mark', () => `\ufeff${text()}`, undefined, 400, 'malformed_json'],
    ['is null', () => 'null', undefined, 400, 'invalid_members'],
    ['is an array', () => `[${text()}]`, undefined, 400, 'invalid_members'],
    ['is a text', () => JSON.stringify(text()), undefined, 400, 'invalid_members'],
    ['is a number', () => '1e999', undefined, 400, 'invalid_members'],
    ['has a member that nobody knows', () => within('"admin":true'), undefined, 400, 'invalid_members'],
    [
      'has __proto__ for a member',
      () => within('"__proto__":{"decision":"approve"}'),
      undefined,
      400,
      'malformed_json',
    ],
    [
      'has constructor for a member',
      () => within('"constructor":{"prototype":{"admin":true}}'),
      undefined,
      400,
      'invalid_members',
    ],
    ['has a member twice', () => within('"x":1,"x":2'), undefined, 400, 'malformed_json'],
    ['has a member twice, once by an escape', () => within('"x":1,"\\u0078":2'), undefined, 400, 'malformed_json'],
    ['is 33 deep', () => within(`"x":${'['.repeat(32)}${']'.repeat(32)}`), undefined, 400, 'malformed_json'],
    ['is 30,000 deep', () => '['.repeat(30_000), undefined, 400, 'malformed_json'],
    ['is 30,000 deep and closed', () => '['.repeat(30_000) + ']'.repeat(30_000), undefined, 400, 'malformed_json'],
    ['has bytes that are not UTF-8', () => Buffer.from('{"a":"\xff"}', 'latin1'), undefined, 400, 'not_utf8'],
    ['is in UTF-16', () => Buffer.from(text(), 'utf16le'), undefined, 400, 'malformed_json'],
    ['is above 64 KiB', () => within(`"x":"${'a'.repeat(66_000)}"`), undefined, 413, 'body_too_large'],
    ['is a form', () => 'decision=approve', 'application/x-www-form-urlencoded', 415, 'media_type_not_accepted'],
    ['is called text', text, 'text/plain', 415, 'media_type_not_accepted'],
    ['is called another kind of JSON', text, 'application/merge-patch+json', 415, 'media_type_not_accepted'],
    ['is called JSON in another charset', text, 'application/json; charset=utf-7', 415, 'media_type_not_accepted'],
    ['is called two things', text, 'application/json, text/plain', 415, 'media_type_not_accepted'],
  ])('%s', async (_case, make, type, status, code) => {
    const bearer = await token()
    const answer = await unchanged(scene, () => send(path(), bearer, make(), type))
    expect(answer).toMatchObject({ status, body: { type: `urn:errand:problem:${code}`, status } })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })

  test.each<[string, () => Promise<string>, number]>([
    ['a token of nobody', () => Promise.resolve('abc'), 401],
    ['a credential of ours', () => Promise.resolve(scene.active.token), 403],
    ['a person without a role', nobody, 403],
    ['a machine of another workload', () => scene.broker.assertion({ repository_id: '75' }), 403],
  ])('is sent by %s', async (who, make, status) => {
    // Anybody may ask for a grant for whom they like: people decide on it.
    if (path() === '/grants' && who === 'a person without a role') return
    const bearer = await make()
    const answer = await unchanged(scene, () => send(path(), bearer, text()))
    // What is not theirs to see is answered as if it were not there.
    expect(status === 403 ? [403, 404] : [status]).toContain(answer.status)
  })
})

describe('POST /grants refuses, and nothing changes, when', () => {
  const delegate = () => grant()['delegate'] as Record<string, unknown>
  const access = (change: Readonly<Record<string, unknown>>) => ({
    access: [{ audience: DEPLOY, scope: 'deploy:production', ...change }],
  })
  test.each<[string, () => Readonly<Record<string, unknown>>, number]>([
    ['access is absent', () => ({ access: undefined }), 400],
    ['access is empty', () => ({ access: [] }), 400],
    [
      'access has 17 entries',
      () => ({ access: Array(17).fill({ audience: DEPLOY, scope: 'deploy:production' }) }),
      400,
    ],
    ['an audience stands twice', () => ({ access: [access({}).access[0], access({}).access[0]] }), 400],
    [
      'an audience stands twice, written in two ways',
      () => ({ access: [access({}).access[0], access({ audience: `${DEPLOY}/` }).access[0]] }),
      400,
    ],
    ['an audience is unknown', () => access({ audience: 'https://nowhere.example.com' }), 400],
    ['an audience is a name of Object', () => access({ audience: '__proto__' }), 400],
    ['an audience has 5,000 characters', () => access({ audience: 'a'.repeat(5000) }), 400],
    ['a scope is unknown', () => access({ scope: 'deploy:everything' }), 400],
    ['a scope is a name of Object', () => access({ scope: 'hasOwnProperty' }), 400],
    ['a scope has a quote', () => access({ scope: '"' }), 400],
    ['a scope is an array', () => access({ scope: ['deploy:production'] }), 400],
    ['there is no scope', () => access({ scope: '' }), 400],
    ['details have an unknown type', () => access({ authorization_details: [{ type: 'a' }] }), 400],
    ['details have no type', () => access({ authorization_details: [{}] }), 400],
    ['rules decide on it', () => access({ scope: 'deploy:staging' }), 409],
    ['purpose is absent', () => ({ purpose: undefined }), 400],
    ['purpose is empty', () => ({ purpose: '' }), 400],
    ['purpose is only control characters', () => ({ purpose: '\0\u202e\u200b' }), 400],
    ['purpose has 501 characters', () => ({ purpose: 'a'.repeat(501) }), 400],
    ['purpose is a number', () => ({ purpose: 5 }), 400],
    ['duration is negative', () => ({ duration_seconds: -1 }), 400],
    ['duration is zero', () => ({ duration_seconds: 0 }), 400],
    ['duration is a fraction', () => ({ duration_seconds: 1.5 }), 400],
    ['duration is huge', () => ({ duration_seconds: 1e308 }), 400],
    ['duration is beyond what is exact', () => ({ duration_seconds: 2 ** 53 }), 400],
    ['duration is a text', () => ({ duration_seconds: '3600' }), 400],
    ['duration is longer than the tier allows', () => ({ duration_seconds: 31 * 86_400 }), 400],
    ['max_ttl_seconds is negative', () => ({ credential: { max_ttl_seconds: -5 } }), 400],
    ['a certificate is asked for', () => ({ credential: { types: ['x509'] } }), 400],
    ['there is no type of credential', () => ({ credential: { types: [] } }), 400],
    ['max_tasks is zero', () => ({ task: { max_tasks: 0 } }), 400],
    ['max_tasks is huge', () => ({ task: { max_tasks: 1e15 } }), 400],
    ['the delegate is absent', () => ({ delegate: undefined }), 400],
    [
      'the delegate has an unknown issuer',
      () => ({ delegate: { ...delegate(), issuer: 'https://evil.example.com' } }),
      400,
    ],
    [
      'the delegate has a name of Object for its issuer',
      () => ({ delegate: { ...delegate(), issuer: '__proto__' } }),
      400,
    ],
    ['the delegate does not state the anchor', () => ({ delegate: { ...delegate(), claims: {} } }), 400],
    [
      'the delegate states a pattern for the anchor',
      () => ({ delegate: { ...delegate(), claims: { repository_id: '7*' } } }),
      400,
    ],
    [
      'the delegate states the anchor by way of __proto__',
      () => ({
        delegate: JSON.parse(
          `{"issuer":"${scene.broker.ci.url}","claims":{"__proto__":{"repository_id":"74"}}}`,
        ) as unknown,
      }),
      400,
    ],
    [
      'the delegate has half of a surrogate pair',
      () => ({ delegate: { ...delegate(), subject: 'repo:\ud800*' } }),
      400,
    ],
    [
      'the delegate has a claim with half of a surrogate pair',
      () => ({ delegate: { ...delegate(), claims: { repository_id: '74', ref: '\udfff' } } }),
      400,
    ],
    [
      'the delegate has a claim whose name is half of a surrogate pair',
      () => ({ delegate: { ...delegate(), claims: { repository_id: '74', '\ud800': 'x' } } }),
      400,
    ],
    [
      'the delegate has a pattern that ends in its escape',
      () => ({ delegate: { ...delegate(), subject: 'repo:\\' } }),
      400,
    ],
    [
      'somebody who may be handed to is no SPIFFE id',
      () => ({ delegation: { to: ['ci'], max_depth: 1, max_children: 1 } }),
      400,
    ],
    [
      'more is handed on than the tier allows',
      () => ({ delegation: { to: ['spiffe://errand.test/ci/75'], max_depth: 3, max_children: 1 } }),
      400,
    ],
    [
      'who may be handed to has half of a surrogate pair',
      () => ({ delegation: { to: ['spiffe://errand.test/\ud800'], max_depth: 1, max_children: 1 } }),
      400,
    ],
    ['the tier is stated', () => ({ tier: 'low' }), 400],
    ['the reviews are stated', () => ({ reviews: [{ by: 'corp:ann', decision: 'approve' }] }), 400],
    ['the status is stated', () => ({ status: 'active' }), 400],
  ])('%s', async (_case, change, status) => {
    const bearer = await ann()
    const answer = await unchanged(scene, () =>
      scene.broker.call('POST', '/grants', bearer, { ...grant(), ...change() }),
    )
    expect(answer.status).toBe(status)
  })
})

describe('POST /grants/{id}/reviews refuses, and nothing changes, when', () => {
  const of =
    (id: string, change: Readonly<Record<string, unknown>>, token = ann) =>
    async (): Promise<Answer> =>
      scene.broker.call('POST', `/grants/${id}/reviews`, await token(), { ...review(), ...change })
  test.each<[string, () => Promise<Answer>, number]>([
    ['decision is absent', () => of(scene.pending.id, { decision: undefined })(), 400],
    ['decision is unknown', () => of(scene.pending.id, { decision: 'approved' })(), 400],
    ['decision is an array', () => of(scene.pending.id, { decision: ['approve'] })(), 400],
    ['digest is absent', () => of(scene.pending.id, { digest: undefined })(), 400],
    ['digest is in capitals', () => of(scene.pending.id, { digest: scene.pending.digest.toUpperCase() })(), 400],
    ['digest is another', () => of(scene.pending.id, { digest: `sha256:${'0'.repeat(64)}` })(), 409],
    ['digest is of another grant', () => of(scene.active.id, {})(), 409],
    ['reason has 501 characters', () => of(scene.pending.id, { reason: 'a'.repeat(501) })(), 400],
    ['group is one that they are not in', () => of(scene.pending.id, { group: 'security' })(), 403],
    ['group is a name of Object', () => of(scene.pending.id, { group: '__proto__' })(), 403],
    ['terms are of another grant', async () => of(scene.pending.id, { terms: await terms(scene.active.id) })(), 409],
    [
      'terms are wider',
      async () => of(scene.pending.id, { terms: { ...(await terms(scene.pending.id)), duration_seconds: 999_999 } })(),
      409,
    ],
    ['terms are not complete', () => of(scene.pending.id, { terms: { purpose: 'x' } })(), 400],
    [
      'terms have a member more',
      async () => of(scene.pending.id, { terms: { ...(await terms(scene.pending.id)), admin: true } })(),
      400,
    ],
    [
      'terms have a negative lifetime',
      async () => of(scene.pending.id, { terms: { ...(await terms(scene.pending.id)), duration_seconds: -1 } })(),
      409,
    ],
    ['the grant is unknown', () => of(UNKNOWN_GRANT, {})(), 404],
    ['the id is no id', () => of('gr_1', {})(), 404],
    ['the id is of a task', () => of(scene.active.task, {})(), 404],
    ['the id is very long', () => of(`gr_4${'0'.repeat(7000)}`, {})(), 404],
    ['the id has a NUL', () => of(`${scene.pending.id}%00`, {})(), 404],
    ['the reviewer is an operator only', () => of(scene.pending.id, {}, operator)(), 403],
    ['the reviewer is an auditor only', () => of(scene.pending.id, {}, auditor)(), 403],
    [
      'the reviewer started the run',
      () => of(scene.pending.id, {}, () => scene.broker.person('kim', { ci_id: '5' }))(),
      403,
    ],
    [
      'it cannot be told whether the reviewer started the run',
      () => of(scene.pending.id, {}, () => scene.broker.person('kim', { ci_id: undefined }))(),
      403,
    ],
    [
      'the reviewer has no auth_time',
      () => of(scene.pending.id, {}, () => scene.broker.person('kim', { auth_time: undefined }))(),
      401,
    ],
    [
      'the reviewer has an auth_time in the future',
      () =>
        of(scene.pending.id, {}, () =>
          scene.broker.person('kim', { auth_time: Math.floor(Date.now() / 1000) + 500 }),
        )(),
      401,
    ],
    [
      'the groups are a text',
      () => of(scene.pending.id, {}, () => scene.broker.person('kim', { groups: 'platform' }))(),
      401,
    ],
  ])('%s', async (_case, ask, status) => {
    expect((await unchanged(scene, ask)).status).toBe(status)
  })

  const terms = async (id: string): Promise<Record<string, unknown>> => {
    const { body } = await scene.broker.call('GET', `/grants/${id}`, await ann())
    const { status: _s, created_at: _c, expires_at: _e, digest: _d, reviews: _r, ended: _n, ...rest } = body
    return { v: 1, issuer: scene.broker.url, ...rest }
  }
})

describe('queries', () => {
  test.each<[string, string]>([
    ['a cursor that somebody made up', '/grants?cursor=abc'],
    ['an empty cursor', '/grants?cursor='],
    ['a cursor as a store might write it', `/grants?cursor=${Buffer.from('3.7').toString('base64url')}`],
    ['a cursor of a long id', `/grants?cursor=${Buffer.alloc(300, 1).toString('base64url')}`],
    ['a cursor above 512 characters', `/grants?cursor=${'a'.repeat(600)}`],
    ['a cursor with a NUL', '/grants?cursor=%00'],
    ['a limit of zero', '/grants?limit=0'],
    ['a negative limit', '/grants?limit=-1'],
    ['a limit that is a fraction', '/grants?limit=1.5'],
    ['a limit above 200', '/grants?limit=201'],
    ['a huge limit', '/grants?limit=1e308'],
    ['a limit in hexadecimal', '/grants?limit=0x10'],
    ['a limit with an exponent', '/grants?limit=1e1'],
    ['a limit with a space', '/grants?limit=%205'],
    ['an empty limit', '/grants?limit='],
    ['a limit twice', '/grants?limit=5&limit=6'],
    ['a limit as an array', '/grants?limit[]=5'],
    ['an unknown status', '/grants?status=approved'],
    ['an unknown parameter', '/grants?owner=platform'],
    ['a parameter that is a name of Object', '/grants?__proto__=1'],
    ['a parameter to a grant', `/grants/${UNKNOWN_GRANT}?fields=id`],
    ['a grant that is no id', '/evidence/events?grant_id=1'],
    ['a task that is no id', '/evidence/events?task_id=gr_1'],
    ['an unknown stream', '/evidence/events?stream=all'],
    ['a time that is none', '/evidence/events?since=yesterday'],
    ['a time with a fraction', '/evidence/events?since=2033-05-18T03:33:20.5Z'],
    ['a time in another zone', '/evidence/events?since=2033-05-18T03:33:20%2B02:00'],
    ['a day that does not exist', '/evidence/events?since=2033-02-30T00:00:00Z'],
    ['a cursor of events that somebody made up', '/evidence/events?cursor=abc'],
    ['an empty cursor of events', '/evidence/events?cursor='],
    ['a cursor of events with too few places', `/evidence/events?cursor=${Buffer.from('[1,2]').toString('base64url')}`],
    [
      'a cursor of events with negative places',
      `/evidence/events?cursor=${Buffer.from(JSON.stringify(Array(64).fill(-1))).toString('base64url')}`,
    ],
    [
      'a cursor of events with fractions',
      `/evidence/events?cursor=${Buffer.from(JSON.stringify(Array(64).fill(0.5))).toString('base64url')}`,
    ],
    ['too many events', '/evidence/events?limit=1001'],
    ['an unknown order of events', '/evidence/events?order=newest'],
    ['an empty order of events', '/evidence/events?order='],
    ['two orders of events', '/evidence/events?order=latest&order=oldest'],
    ['the latest events before a place that somebody made up', '/evidence/events?order=latest&cursor=abc'],
    ['a workload of 200 characters', `/evidence/events?workload=${'a'.repeat(200)}`],
  ])('%s is 400, and nothing changes', async (_case, path) => {
    const bearer = await auditor()
    const answer = await unchanged(scene, () => scene.broker.call('GET', path, bearer))
    expect(answer).toMatchObject({ status: 400, body: { status: 400 } })
  })

  test('a cursor of ours leads through all grants, once each; of another list it is 400', async () => {
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const page = await scene.broker.call(
        'GET',
        `/grants?limit=1${cursor === undefined ? '' : `&cursor=${cursor}`}`,
        await auditor(),
      )
      expect(page.status).toBe(200)
      ids.push(...(page.body['grants'] as { id: string }[]).map(({ id }) => id))
      cursor = page.body['next_cursor'] as string | undefined
      if (cursor !== undefined) {
        for (const moved of [
          `/grants?status=active&cursor=${cursor}`,
          `/grants?cursor=${cursor}A`,
          `/grants?cursor=A${cursor}`,
        ])
          expect((await scene.broker.call('GET', moved, await auditor())).status).toBe(400)
        const own = await scene.broker.call('GET', `/grants?cursor=${cursor}`, await scene.broker.assertion())
        expect(own.status).toBe(400)
      }
    } while (cursor !== undefined)
    expect(ids.sort()).toEqual([...new Set(ids)])
    expect(ids).toEqual(expect.arrayContaining([scene.pending.id, scene.active.id]))
    expect(ids).toHaveLength(3)
  })
})

describe('ids in paths', () => {
  const IDS = [
    '1',
    'gr_',
    '__proto__',
    'constructor',
    `gr_4${'0'.repeat(34)}`,
    `gr_0${'0'.repeat(33)}`,
    `GR_4${'0'.repeat(33)}`,
    `gr_4${'0'.repeat(32)}%0a`,
    '%00',
    '%F0%9F%99%82',
    "'%20or%201=1",
    '*',
    `gr_4${'0'.repeat(7000)}`,
    UNKNOWN_TASK,
    UNKNOWN_GRANT,
  ]
  test.each(IDS)('%s is not found, whoever asks, and nothing changes', async (id) => {
    for (const token of [ann, operator, () => scene.broker.assertion({ run_id: scene.active.run })])
      for (const [method, path] of [
        ['GET', `/grants/${id}`],
        ['POST', `/grants/${id}/revoke`],
        ['GET', `/tasks/${id}`],
        ['POST', `/tasks/${id}/complete`],
      ] as const) {
        const bearer = await token()
        const answer = await unchanged(scene, () => scene.broker.call(method, path, bearer))
        // Who may not complete tasks at all is told so.
        expect([404, ...(path.endsWith('complete') && token === ann ? [403] : [])]).toContain(answer.status)
      }
  })
})

describe('who completes a task', () => {
  const complete = (body: object, token = scene.active.token) =>
    scene.broker.call('POST', `/tasks/${scene.active.task}/complete`, token, body)
  test.each<[string, () => Promise<object>]>([
    ['the credential alone', () => Promise.resolve({})],
    ['the credential and a word', () => Promise.resolve({ client_assertion: 'x' })],
    ['the credential twice', () => Promise.resolve({ client_assertion: scene.active.token })],
    [
      'the credential and an assertion of another run',
      async () => ({ client_assertion: await scene.broker.assertion({ run_id: 'run-thief' }) }),
    ],
    [
      'the credential and an assertion of another workload',
      async () => ({
        client_assertion: await scene.broker.assertion({ repository_id: '75', run_id: scene.active.run }),
      }),
    ],
    ['the credential and the token of a person', async () => ({ client_assertion: await ann() })],
  ])('not %s: a resource server that received it can do no more than revoke it', async (_case, body) => {
    const asked = await body()
    expect(await unchanged(scene, () => complete(asked))).toMatchObject({ status: 403 })
  })
  test.each<[string, object]>([
    ['the assertion is empty', { client_assertion: '' }],
    ['the assertion is above 16 KiB', { client_assertion: 'a'.repeat(17_000) }],
    ['the assertion is of another type', { client_assertion: 'x', client_assertion_type: 'y' }],
    ['the assertion is an array', { client_assertion: ['x'] }],
  ])('%s: 400', async (_case, body) => {
    expect(await unchanged(scene, () => complete(body))).toMatchObject({ status: 400 })
  })
  test('the credential, and an assertion of the run that it was issued to', async () => {
    const assertion = await scene.broker.assertion({ run_id: scene.active.run })
    const done = await complete({ client_assertion: assertion, client_assertion_type: CLIENT_ASSERTION_TYPE })
    expect(done).toMatchObject({ status: 200, body: { status: 'completed' } })
  })
})
