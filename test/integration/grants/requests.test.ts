import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  agentId,
  DATABASE,
  DEPLOY,
  errorOf,
  exchangeForm,
  openStage,
  OTHER,
  type Run,
  type Stage,
} from '../exchange/stage.js'
import { dpopClient } from '../../support/dpop.js'
import { STORES } from '../exchange/stores.js'

describe.each(STORES)('contract §1, A grant: asked for beforehand, on $name', (store) => {
  let stage: Stage
  let ci: string
  beforeAll(async () => {
    stage = await openStage(store)
    ci = issuerOf(await stage.newRun().assertion())
  })
  afterAll(() => stage.stop())

  const BODY = { access: [{ audience: DEPLOY, scope: 'deploy:production' }], purpose: 'why' }
  const ask = (token: string, body: unknown = BODY) => stage.broker.call('POST', '/grants', token, body)
  const delegate = (repository = '74', more: Record<string, unknown> = {}) => ({
    issuer: ci,
    claims: { repository_id: repository },
    ...more,
  })
  const read = async (id: string, token: string) => stage.broker.call('GET', `/grants/${id}`, token)
  const end = async (id: string, token: string) => stage.broker.call('POST', `/grants/${id}/revoke`, token)
  const operator = () => stage.person('op', ['operators'])

  test('by a workload: for itself and its run, for one task, with every default filled in', async () => {
    const run = stage.newRun()
    const { status, body, headers } = await ask(await run.assertion())
    expect(status).toBe(201)
    const now = stage.clock.now()
    expect(headers.get('location')).toBe(`${stage.broker.url}/grants/${String(body['id'])}`)
    expect(body).toEqual({
      id: expect.stringMatching(/^gr_[4-7][0-9a-f]{33}$/),
      status: 'pending',
      tier: 'reviewed',
      created_at: timeOf(now),
      decide_by: timeOf(now + 3600),
      duration_seconds: 3600,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      delegate: { issuer: ci, subject: 'repo:acme/shop', claims: { repository_id: '74' } },
      sealed: { run_id: run.id },
      task: { description: '', reference: '', max_tasks: 1 },
      access: [{ audience: DEPLOY, scope: 'deploy:production', authorization_details: [] }],
      credential: { types: ['jwt'], max_ttl_seconds: 300, binding: 'none' },
      delegation: { to: [], max_depth: 0, max_children: 0 },
      purpose: 'why',
      requested_by: { kind: 'workload', id: 'spiffe://errand.test/ci/74' },
      owner: 'platform',
      required_reviews: [{ group: 'platform', count: 1 }],
      reviews: [],
    })
  })

  test('its assertion is used up by asking', async () => {
    const assertion = await stage.newRun().assertion()
    expect((await ask(assertion)).status).toBe(201)
    expect((await ask(assertion, { ...BODY, purpose: 'else' })).status).toBe(409)
    expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
  })

  test('asked, approved, used: by this run alone', async () => {
    const run = stage.newRun()
    const { body } = await ask(await run.assertion())
    await stage.review(String(body['id']), 'approve')
    const form = { scope: 'deploy:production' }
    expect(errorOf(await stage.token(exchangeForm(await stage.newRun().assertion(), form)))).toBe('access_denied')
    const used = await stage.token(exchangeForm(await run.assertion(), form))
    expect(used).toMatchObject({ status: 200, body: { grant_id: body['id'] } })
  })

  test('lifetime: min(asked, tier, grant)', async () => {
    const run = stage.newRun()
    const { body } = await ask(await run.assertion(), { ...BODY, credential: { max_ttl_seconds: 30 } })
    await stage.review(String(body['id']), 'approve')
    const used = await stage.token(exchangeForm(await run.assertion(), { scope: 'deploy:production', lifetime: '200' }))
    expect(used.body['expires_in']).toBe(30)
  })

  describe('credential.binding: what its credentials must be bound to', () => {
    const bindingOf = async (change: Record<string, unknown>) => {
      const { body } = await ask(await stage.newRun().assertion(), { ...BODY, ...change })
      return (body['credential'] as Record<string, unknown> | undefined)?.['binding']
    }
    const KEYED = { access: [{ audience: DEPLOY, scope: 'deploy:keyed-production' }] }

    test('in force is the stronger of what is asked for and what the tier asks for', async () => {
      expect(await bindingOf({ credential: { types: ['jwt'], max_ttl_seconds: 60, binding: 'dpop' } })).toBe('dpop')
      expect(await bindingOf({ credential: { binding: 'none' } })).toBe('none')
      expect(await bindingOf({ ...KEYED, credential: { binding: 'none' } })).toBe('dpop')
      expect(await bindingOf({ ...KEYED, credential: { binding: 'any' } })).toBe('dpop')
    })

    test('dpop and mtls cannot be joined, and another one is unknown', async () => {
      const run = stage.newRun()
      const both = { ...BODY, ...KEYED, credential: { binding: 'mtls' } }
      expect(await ask(await run.assertion(), both)).toMatchObject({ status: 400 })
      expect((await ask(await run.assertion(), { ...BODY, credential: { binding: 'key' } })).status).toBe(400)
    })

    test('mtls needs a listener that takes client certificates, unless a certificate may be the credential', async () => {
      const bound = (types: readonly string[]) => ({
        ...BODY,
        access: [{ audience: DATABASE, scope: 'write' }],
        credential: { types, binding: 'mtls' },
      })
      expect(await ask(await stage.newRun().assertion(), bound(['jwt']))).toMatchObject({
        status: 400,
        body: { type: 'urn:errand:problem:binding_unavailable' },
      })
      expect((await ask(await stage.newRun().assertion(), bound(['jwt', 'x509']))).status).toBe(201)
    })

    test('what was approved with a binding gives nothing without one', async () => {
      const run = stage.newRun()
      const { body } = await ask(await run.assertion(), { ...BODY, credential: { binding: 'dpop' } })
      await stage.review(String(body['id']), 'approve')
      const form = { scope: 'deploy:production' }
      expect(errorOf(await stage.token(exchangeForm(await run.assertion(), form)))).toBe('invalid_dpop_proof')
      const client = dpopClient(stage.broker, () => stage.clock.now())
      const used = await client.post('/token', exchangeForm(await run.assertion(), form))
      expect(used.body).toMatchObject({ token_type: 'DPoP', grant_id: body['id'] })
      stage.broker.secrets.keep(String(used.body['access_token']), 'a credential')
    })
  })

  describe('what a workload may not ask for', () => {
    test.each<[string, Record<string, unknown>, number]>([
      ['for many tasks: standing windows are asked for by people', { task: { max_tasks: 2 } }, 403],
      ['for another workload', { delegate: { issuer: 'x', claims: { repository_id: '75' } } }, 403],
      ['by a rule alone: no grant is needed', { access: [{ audience: DEPLOY, scope: 'deploy:staging' }] }, 409],
      [
        'what no rule allows, beside what people decide',
        { access: [{ audience: DEPLOY, scope: 'deploy:production deploy:nobody' }] },
        403,
      ],
      ['an unknown target', { access: [{ audience: 'x', scope: 'a' }] }, 400],
      ['an unknown scope', { access: [{ audience: DEPLOY, scope: 'x' }] }, 400],
      ['nothing', { access: [{ audience: DEPLOY }] }, 400],
      ['no access', { access: [] }, 400],
      ['a target twice', { access: [BODY.access[0], BODY.access[0]] }, 400],
      ['a longer window than the tier has', { duration_seconds: 31 * 86_400 }, 400],
      ['a greater depth than the tier has', { delegation: { to: [agentId('x')], max_depth: 3, max_children: 1 } }, 400],
      ['a depth for nobody', { delegation: { to: [], max_depth: 1, max_children: 1 } }, 400],
      ['handing on without a depth', { delegation: { to: [agentId('x')], max_depth: 0, max_children: 1 } }, 400],
      ['without a purpose', { purpose: '' }, 400],
      ['with a purpose that shows nothing', { purpose: '\u202e' }, 400],
      ['with a purpose of 501 characters', { purpose: 'x'.repeat(501) }, 400],
      ['with a member that nobody reads', { tier: 'low' }, 400],
      ['with an id of its own', { id: 'gr_47000000000000000000000000000000aa' }, 400],
      [
        'with details of an unknown type',
        { access: [{ audience: DEPLOY, authorization_details: [{ type: 'x' }] }] },
        400,
      ],
      [
        'with details that no terms can hold',
        { access: [{ audience: DEPLOY, authorization_details: [{ type: 'database_query', tables: [], note: null }] }] },
        400,
      ],
    ])('%s', async (_, change, status) => {
      expect((await ask(await stage.newRun().assertion(), { ...BODY, ...change })).status).toBe(status)
    })

    test('for itself as another: a delegate that it states must cover it, and is not what counts', async () => {
      const run = stage.newRun()
      const own = await ask(await run.assertion(), { ...BODY, delegate: delegate('74', { subject: 'repo:acme/*' }) })
      expect(own).toMatchObject({ status: 201, body: { delegate: { subject: 'repo:acme/shop' } } })
      expect((await ask(await run.assertion(), { ...BODY, delegate: delegate('75') })).status).toBe(403)
    })

    test('when its run has ended', async () => {
      const run = stage.newRun()
      const { taskId } = await stage.ruled(run)
      await stage.broker.call('POST', `/tasks/${taskId}/complete`, await run.assertion())
      expect((await ask(await run.assertion())).status).toBe(403)
    })
  })

  describe('by a person: for whom they like', () => {
    test('for a window of many tasks, sealed to no run', async () => {
      const { status, body } = await ask(await stage.person('bob', []), {
        ...BODY,
        delegate: delegate(),
        task: { description: 'nightly', max_tasks: 30 },
        duration_seconds: 30 * 86_400,
      })
      expect(status).toBe(201)
      expect(body).toMatchObject({
        sealed: {},
        task: { max_tasks: 30 },
        delegate: { subject: '*' },
        requested_by: { kind: 'person', id: 'corp:bob' },
      })
    })

    test.each<[string, Record<string, unknown>, number]>([
      ['without a delegate', { delegate: undefined }, 400],
      [
        'of an issuer that is none here',
        { delegate: { issuer: 'https://x.example.com', claims: { repository_id: '74' } } },
        400,
      ],
      ['without the anchor', { delegate: { claims: {} } }, 400],
      ['with a pattern for the anchor', { delegate: { claims: { repository_id: '7*' } } }, 400],
      ['with a subject that cannot be read', { delegate: { subject: 'x\\', claims: { repository_id: '74' } } }, 400],
      ['with half of a surrogate pair', { delegate: { subject: 'x\ud800', claims: { repository_id: '74' } } }, 400],
      ['for no task', { task: { max_tasks: 0 } }, 400],
      ['by a rule alone', { access: [{ audience: DEPLOY, scope: 'deploy:staging' }] }, 409],
    ])('%s: refused', async (_, change, status) => {
      const stated =
        change['delegate'] === undefined ? {} : { delegate: { issuer: ci, ...(change['delegate'] as object) } }
      const body = { ...BODY, delegate: delegate(), ...change, ...stated }
      expect((await ask(await stage.person('bob'), body)).status).toBe(status)
    })

    test('the anchor is exact: a window for one repository serves no other', async () => {
      await stage.window({ delegate: delegate('90', { subject: 'repo:acme/*' }), task: { max_tasks: 5 } })
      const form = { scope: 'deploy:production' }
      const use = async (run: Run) => errorOf(await stage.token(exchangeForm(await run.assertion(), form)))
      expect(await use(stage.newRun({ repository_id: '90' }))).toBe('none 200')
      expect(await use(stage.newRun({ repository_id: '90', sub: 'repo:evil/acme/shop' }))).toBe('access_denied')
      expect(await use(stage.newRun({ repository_id: '91' }))).toBe('access_denied')
    })

    test('a window ends: no credential outlives it', async () => {
      await stage.window({ delegate: delegate('92'), task: { max_tasks: 5 }, duration_seconds: 100 })
      const run = stage.newRun({ repository_id: '92' })
      const form = { scope: 'deploy:production' }
      const used = await stage.token(exchangeForm(await run.assertion(), form))
      expect(used.body['expires_in']).toBe(100)
      await stage.later(100)
      expect((await stage.introspect(String(used.body['access_token']))).body).toEqual({ active: false })
      expect(errorOf(await stage.token(exchangeForm(await run.assertion(), form)))).toBe('access_denied')
    })
  })

  test('an equal request is pending: 409, with its grant', async () => {
    const run = stage.newRun()
    const first = await ask(await run.assertion())
    const again = await ask(await run.assertion())
    expect(again).toMatchObject({ status: 409, body: { grant_id: first.body['id'] } })
  })

  test('a denied one cools down', async () => {
    const run = stage.newRun()
    const { body } = await ask(await run.assertion())
    await stage.review(String(body['id']), 'deny')
    expect((await ask(await run.assertion())).status).toBe(403)
    await stage.later(300)
    expect((await ask(await run.assertion())).status).toBe(201)
  })

  describe('who may read, list, withdraw and revoke', () => {
    test('read: its requester, and people with a role; to others it does not exist', async () => {
      const run = stage.newRun()
      const id = String((await ask(await run.assertion())).body['id'])
      for (const groups of [['platform'], ['security'], ['operators'], ['audit']])
        expect((await read(id, await stage.person('x', groups))).status).toBe(200)
      expect((await read(id, await run.assertion())).status).toBe(200)
      const strangers = [
        await stage.person('x', []),
        await stage.person('x', ['other']),
        await stage.newRun({ repository_id: '75' }).assertion(),
        await stage.agent('planner'),
      ]
      for (const token of strangers) expect((await read(id, token)).status).toBe(404)
      expect((await stage.broker.call('GET', `/grants/${id}`)).status).toBe(401)
    })

    test('list: all of them by pages, or one’s own', async () => {
      const [own, other] = [stage.newRun({ repository_id: '93' }), stage.newRun({ repository_id: '94' })]
      const ids = [
        String((await ask(await own.assertion())).body['id']),
        String((await ask(await other.assertion())).body['id']),
      ]
      const list = async (token: string, query = '') => {
        const seen: string[] = []
        let cursor = ''
        do {
          const { body } = await stage.broker.call('GET', `/grants?limit=7${query}${cursor}`, token)
          seen.push(...(body['grants'] as { id: string }[]).map(({ id }) => id))
          cursor =
            body['next_cursor'] === undefined ? '' : `&cursor=${encodeURIComponent(body['next_cursor'] as string)}`
        } while (cursor !== '')
        expect(new Set(seen).size).toBe(seen.length)
        return seen
      }
      expect(await list(await own.assertion())).toEqual([ids[0]])
      expect(await list(await stage.person('ann'))).toEqual(expect.arrayContaining(ids))
      expect(await list(await stage.person('ann'), '&status=pending')).toEqual(expect.arrayContaining(ids))
      expect(await list(await stage.person('ann'), '&status=revoked')).not.toEqual(expect.arrayContaining(ids))
      expect(await list(await stage.person('x', []))).toEqual([])
    })

    test('while pending: withdrawn by its requester alone, not by an operator', async () => {
      const run = stage.newRun()
      const id = String((await ask(await run.assertion())).body['id'])
      for (const token of [
        await operator(),
        await stage.person('ann'),
        await stage.newRun({ repository_id: '75' }).assertion(),
      ])
        expect([403, 404]).toContain((await end(id, token)).status)
      expect(await end(id, await run.assertion())).toMatchObject({
        status: 200,
        body: { status: 'withdrawn', ended: { reason: 'withdrawn', by: 'spiffe://errand.test/ci/74' } },
      })
      expect((await stage.review(id, 'approve')).status).toBe(409)
      expect((await end(id, await run.assertion())).status).toBe(409)
    })

    test('a person withdraws what they asked for', async () => {
      const { body } = await ask(await stage.person('bob'), { ...BODY, delegate: delegate(), purpose: 'mine' })
      expect((await end(String(body['id']), await stage.person('ann'))).status).toBe(403)
      expect((await end(String(body['id']), await stage.person('bob'))).body['status']).toBe('withdrawn')
    })

    test('active: revoked by operators alone, at once and for good', async () => {
      const run = stage.newRun()
      const credential = await stage.granted(run)
      for (const token of [await run.assertion(), await stage.person('ann'), await stage.person('x', ['audit'])])
        expect((await end(credential.grantId, token)).status).toBe(403)
      expect(await end(credential.grantId, await operator())).toMatchObject({
        status: 200,
        body: { status: 'revoked', ended: { reason: 'revoked', by: 'corp:op' } },
      })
      expect(await stage.isLive(credential)).toBe(false)
      expect((await end(credential.grantId, await operator())).status).toBe(409)
    })

    test('invariant 2: once a revocation is acknowledged, no credential is issued under it', async () => {
      const run = stage.newRun()
      const { grantId } = await stage.granted(run)
      const form = { scope: 'deploy:production' }
      const asking = Array.from({ length: 30 }, async () => stage.token(exchangeForm(await run.assertion(), form)))
      expect((await end(grantId, await operator())).status).toBe(200)
      const late = await stage.token(exchangeForm(await run.assertion(), form))
      expect(late.status).toBe(400)
      for (const { body } of (await Promise.all(asking)).filter(({ status }) => status === 200))
        expect((await stage.introspect(String(body['access_token']))).body).toEqual({ active: false })
    })

    test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('invariant 7: nothing is decided by %s', async (method) => {
      const id = String((await ask(await stage.newRun().assertion())).body['id'])
      for (const path of [`/grants/${id}/reviews`, `/grants/${id}/revoke`, `/grants/${id}/reviews?decision=approve`])
        expect((await stage.broker.call(method, path, await stage.person('ann'))).status).toBe(405)
      expect((await read(id, await operator())).body['status']).toBe('pending')
    })
  })

  test('the access of one grant may be for several targets, each used by itself', async () => {
    const run = stage.newRun()
    const access = [...BODY.access, { audience: OTHER, scope: 'read' }]
    const { body } = await ask(await run.assertion(), { ...BODY, access })
    await stage.review(String(body['id']), 'approve')
    for (const form of [{ scope: 'deploy:production' }, { audience: OTHER, scope: 'read' }])
      expect(await stage.token(exchangeForm(await run.assertion(), form))).toMatchObject({
        status: 200,
        body: { grant_id: body['id'] },
      })
  })
})

describe.each(STORES)('invariant 14: one person cannot bury what people must look at, on $name', (store) => {
  let stage: Stage
  let ci: string
  beforeAll(async () => {
    stage = await openStage(store, { limits: { pending_per_person: 2 } })
    ci = issuerOf(await stage.newRun().assertion())
  })
  afterAll(() => stage.stop())

  let asked = 0
  const ask = (token: string) =>
    stage.broker.call('POST', '/grants', token, {
      delegate: { issuer: ci, claims: { repository_id: String(++asked) } },
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      purpose: `request ${asked}`,
    })

  test('so many pending grants of one person, whoever else they are for; others ask all the same', async () => {
    const eve = await stage.person('eve', [])
    const first = await ask(eve)
    expect(first.status).toBe(201)
    expect((await ask(eve)).status).toBe(201)
    const full = await ask(eve)
    expect(full).toMatchObject({ status: 429, body: { type: 'urn:errand:problem:too_many_pending' } })
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ask(await stage.person('bob', []))).status).toBe(201)
    expect((await ask(await stage.newRun().assertion())).status).not.toBe(429)

    // What is decided or withdrawn makes room.
    await stage.broker.call('POST', `/grants/${String(first.body['id'])}/revoke`, eve)
    expect((await ask(eve)).status).toBe(201)
    expect((await ask(eve)).status).toBe(429)
  })

  test('of fifty at once, exactly as many as there are places', async () => {
    const mallory = await stage.person('mallory', [])
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(mallory)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(48)
  })
})

const issuerOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { iss: string }).iss
const timeOf = (at: number): string => new Date(at * 1000).toISOString().replace('.000', '')
