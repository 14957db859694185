import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  ACCESS_TOKEN,
  CLIENT_ASSERTION_TYPE,
  deferredForm,
  DEPLOY,
  errorOf,
  exchangeForm,
  JWT,
  openStage,
  OTHER,
  TICKET,
  type Run,
  type Stage,
} from './stage.js'
import { STORES } from './stores.js'

describe.each(STORES)('contract §1, the errors of POST /token, on $name', (store) => {
  let stage: Stage
  let run: Run
  beforeAll(async () => {
    stage = await openStage(store)
    run = stage.newRun()
  })
  afterAll(() => stage.stop())

  /** The error of an exchange by this run, by rule, with these changes. */
  const refused = async (form: Record<string, string>, by = run) =>
    errorOf(await stage.token(exchangeForm(await by.assertion(), form)))

  describe('invalid_request: subject or actor token unacceptable for any reason', () => {
    const MALFORMED = [
      ['no JWT', 'x'],
      ['three empty parts', '..'],
      ['a JWT of nobody', 'eyJhbGciOiJub25lIn0.e30.'],
      ['NUL', '\0'],
      ['over 16 KiB', `e${'y'.repeat(16 * 1024)}`],
    ] as const
    test.each(MALFORMED)('subject_token: %s', async (_, token) => {
      expect(errorOf(await stage.token(exchangeForm(token)))).toBe('invalid_request')
    })

    test.each([
      ['expired', { exp: 1 }],
      ['not yet valid', { nbf: 9_000_000_000 }],
      ['for somebody else', { aud: 'https://else.example.com' }],
      ['with act', { act: { sub: 'x' } }],
      ['without the anchor', { repository_id: undefined }],
      ['without the run', { run_id: undefined }],
      ['of an anchor that is a list', { repository_id: ['74'] }],
    ])('subject_token: %s', async (_, claims) => {
      expect(errorOf(await stage.token(exchangeForm(await run.assertion(claims))))).toBe('invalid_request')
    })

    test('a person’s token is no assertion', async () => {
      expect(errorOf(await stage.token(exchangeForm(await stage.person('ann'))))).toBe('invalid_request')
    })

    test('an assertion serves once, whichever request it was used by', async () => {
      const assertion = await run.assertion()
      expect((await stage.token(exchangeForm(assertion))).status).toBe(200)
      expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
      expect(errorOf(await stage.token(deferredForm(assertion)))).toBe('invalid_request')
    })

    test('an assertion that was refused is not used by that', async () => {
      const assertion = await run.assertion()
      expect(errorOf(await stage.token(exchangeForm(assertion, { scope: 'unknown' })))).toBe('invalid_scope')
      expect(errorOf(await stage.token(exchangeForm(assertion, { audience: 'x' })))).toBe('invalid_target')
      expect((await stage.token(exchangeForm(assertion))).status).toBe(200)
    })

    test('of fifty exchanges at once with one assertion, one succeeds', async () => {
      const own = stage.newRun()
      const assertion = await own.assertion()
      const answers = await Promise.all(Array.from({ length: 50 }, () => stage.token(exchangeForm(assertion))))
      const kinds = answers.map(({ status, body }) => (status === 200 ? 'issued' : String(body['error'])))
      expect(kinds.filter((kind) => kind === 'issued')).toHaveLength(1)
      expect(new Set(kinds)).toEqual(new Set(['issued', 'invalid_request']))
    })

    test('an actor_token goes with a ticket only', async () => {
      const actor = { actor_token: await stage.agent('planner'), actor_token_type: JWT }
      expect(await refused(actor)).toBe('invalid_request')
      expect(errorOf(await stage.token(deferredForm(await run.assertion(), actor)))).toBe('invalid_request')
    })

    test.each([TICKET, ACCESS_TOKEN])('an assertion that calls itself %s', async (type) => {
      expect(await refused({ subject_token_type: type })).toBe('invalid_request')
    })

    test('an assertion gets no ticket', async () => {
      expect(await refused({ requested_token_type: TICKET, actor: 'spiffe://errand.test/agents/x' })).toBe(
        'invalid_request',
      )
    })

    test('a source without run ids must send task', async () => {
      const agent = await stage.agent('planner')
      expect(errorOf(await stage.token(exchangeForm(agent)))).toBe('invalid_request')
      expect((await stage.token(exchangeForm(agent, { task: 'plan' }))).status).toBe(200)
    })

    test('a parameter is repeated', async () => {
      const form = new URLSearchParams(exchangeForm(await run.assertion()))
      form.append('scope', 'deploy:staging')
      const response = await fetch(`${stage.broker.url}/token`, { method: 'POST', body: form })
      expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, 'invalid_request'])
      expect(response.headers.get('cache-control')).toBe('no-store')
    })

    test('several grants cover it: they are named, and naming one helps', async () => {
      const own = stage.newRun({ repository_id: '79' })
      const delegate = { issuer: issuerOf(await own.assertion()), claims: { repository_id: '79' } }
      const ids = [
        await stage.window({ delegate, task: { max_tasks: 5 }, purpose: 'a' }),
        await stage.window({ delegate, task: { max_tasks: 5 }, purpose: 'b' }),
      ].sort()
      const scope = 'deploy:production'
      const several = await stage.token(exchangeForm(await own.assertion(), { scope }))
      expect(several).toMatchObject({ status: 400, body: { error: 'invalid_request', grant_ids: ids } })
      const named = await stage.token(exchangeForm(await own.assertion(), { scope, grant_id: ids[1] ?? '' }))
      expect(named).toMatchObject({ status: 200, body: { grant_id: ids[1] } })
      // Its task is open under that one: from now on that is the one.
      expect(await stage.token(exchangeForm(await own.assertion(), { scope }))).toMatchObject({
        status: 200,
        body: { grant_id: ids[1], task_id: named.body['task_id'] },
      })
    })
  })

  test('unsupported_grant_type', async () => {
    expect(await refused({ grant_type: 'authorization_code' })).toBe('unsupported_grant_type')
  })

  test.each([
    ['unknown', { audience: 'https://else.example.com' }],
    ['absent', { audience: '' }],
    ['more than one', { resource: OTHER }],
    ['more than one, by another name', { resource: 'urn:x' }],
  ])('invalid_target: %s', async (_, form) => {
    expect(await refused(form)).toBe('invalid_target')
  })

  test('audience and resource, equal when normalized, are one target', async () => {
    const answer = await stage.token(
      exchangeForm(await run.assertion(), { resource: 'HTTPS://deploy.example.com:443/' }),
    )
    expect(answer.status).toBe(200)
  })

  test.each([
    ['absent, with no details', { scope: '' }],
    ['unknown', { scope: 'deploy:unknown' }],
    ['unknown beside a known one', { scope: 'deploy:staging deploy:unknown' }],
    ['of another target', { scope: 'read' }],
    ['malformed', { scope: 'deploy:"staging"' }],
  ])('invalid_scope: %s', async (_, form) => {
    expect(await refused(form)).toBe('invalid_scope')
  })

  test('invalid_scope: wider than the grant named; not named, it is simply not covered', async () => {
    const own = stage.newRun()
    const { grantId } = await stage.granted(own)
    const wider = { scope: 'deploy:production deploy:rollback' }
    expect(await refused({ ...wider, grant_id: grantId }, own)).toBe('invalid_scope')
    expect(await refused({ audience: OTHER, scope: 'read', grant_id: grantId }, own)).toBe('invalid_scope')
    expect(await refused(wider, own)).toBe('access_denied')
  })

  const details = (...list: unknown[]) => ({ scope: '', authorization_details: JSON.stringify(list) })
  test.each([
    ['of an unknown type', details({ type: 'file', tables: [] })],
    ['refused by its schema', details({ type: 'database_query' })],
    ['refused by its schema: one more member', details({ type: 'database_query', tables: [], x: 1 })],
    ['one good, one bad', details({ type: 'database_query', tables: [] }, { type: 'database_query', tables: 1 })],
    [
      'a number that is none',
      { scope: '', authorization_details: '[{"type":"database_query","tables":[],"limit":1e400}]' },
    ],
    ['a fraction', details({ type: 'database_query', tables: [], limit: 0.5 })],
    ['null', details({ type: 'database_query', tables: [], note: null })],
    [
      'half of a surrogate pair',
      { scope: '', authorization_details: '[{"type":"database_query","tables":["\\ud800"]}]' },
    ],
    ['not JSON', { scope: '', authorization_details: 'x' }],
  ])('invalid_authorization_details: %s', async (_, form) => {
    expect(await refused(form)).toBe('invalid_authorization_details')
    expect(errorOf(await stage.token(deferredForm(await run.assertion(), form)))).toBe('invalid_authorization_details')
  })

  test('details are granted as asked, and fewer of them later; wider ones are invalid_authorization_details', async () => {
    const own = stage.newRun()
    const query = (...tables: string[]) => details({ type: 'database_query', tables })
    const { grantId, claims, answer } = await stage.granted(own, query('a', 'b'))
    expect(claims['authorization_details']).toEqual([{ type: 'database_query', tables: ['a', 'b'] }])
    expect(claims['scope']).toBeUndefined()
    expect(answer.body['authorization_details']).toEqual(claims['authorization_details'])
    const less = await stage.token(exchangeForm(await own.assertion(), query('b')))
    expect(less).toMatchObject({
      status: 200,
      body: { grant_id: grantId, authorization_details: [{ type: 'database_query', tables: ['b'] }] },
    })
    expect(await refused({ ...query('c'), grant_id: grantId }, own)).toBe('invalid_authorization_details')
    expect(await refused(query('c'), own)).toBe('access_denied')
  })

  describe('access_denied', () => {
    test.each([
      ['no grant covers it, and the client is not willing to wait', { completion_mode: '' }],
      ['it cannot be deferred: nobody is told why', { purpose: '' }],
      ['it cannot be deferred: nothing could be proved again', { client_assertion: '', client_assertion_type: '' }],
    ])('%s', async (_, form) => {
      expect(errorOf(await stage.token(deferredForm(await run.assertion(), form)))).toBe('access_denied')
    })

    test('no rule allows it, and no people are asked instead', async () => {
      expect(await refused({ scope: 'deploy:nobody' })).toBe('access_denied')
      const other = stage.newRun({ repository_id: '75' })
      expect(await refused({}, other)).toBe('access_denied')
      expect(errorOf(await stage.token(deferredForm(await other.assertion(), { scope: 'deploy:staging' })))).toBe(
        'access_denied',
      )
    })

    test('a part needs people and a part needs rules: without a rule, people are not asked', async () => {
      const form = { scope: 'deploy:production deploy:nobody' }
      expect(errorOf(await stage.token(deferredForm(await run.assertion(), form)))).toBe('access_denied')
    })

    test('the run has ended: checked before anything else', async () => {
      const own = stage.newRun()
      const { taskId, grantId } = await stage.granted(own)
      const done = await stage.broker.call('POST', `/tasks/${taskId}/complete`, await own.assertion())
      expect(done.status).toBe(200)
      const forms: Record<string, string>[] = [
        {},
        { scope: 'deploy:unknown' },
        { scope: '' },
        { audience: 'x' },
        { grant_id: grantId },
        { grant_id: 'gr_x' },
        { task: 'another' },
        { scope: 'deploy:nobody' },
        details({ type: 'unknown' }),
      ]
      for (const form of forms) expect([form, await refused(form, own)]).toEqual([form, 'access_denied'])
      expect(errorOf(await stage.token(deferredForm(await own.assertion())))).toBe('access_denied')
    })
  })

  describe('invalid_grant: the grant named is not in force for this workload', () => {
    const scope = 'deploy:production'
    test.each(['gr_x', 'gr_00000000000000000000000000000000aa', 'gr_47000000000000000000000000000000aa', '__proto__'])(
      'unknown: %s',
      async (grantId) => {
        expect(await refused({ scope, grant_id: grantId })).toBe('invalid_grant')
      },
    )

    test('of another run, of another workload, pending, denied', async () => {
      const [mine, other] = [stage.newRun(), stage.newRun({ repository_id: '75' })]
      const { grantId } = await stage.granted(mine)
      expect(await refused({ scope, grant_id: grantId })).toBe('invalid_grant')
      expect(await refused({ scope, grant_id: grantId }, other)).toBe('invalid_grant')
      const waiting = await stage.deferred(other)
      expect(await refused({ scope, grant_id: waiting.grantId }, other)).toBe('invalid_grant')
      await stage.review(waiting.grantId, 'deny')
      expect(await refused({ scope, grant_id: waiting.grantId }, other)).toBe('invalid_grant')
    })

    test('revoked', async () => {
      const own = stage.newRun()
      const { grantId } = await stage.granted(own)
      await stage.broker.call('POST', `/grants/${grantId}/revoke`, await stage.person('op', ['operators']))
      expect(await refused({ scope, grant_id: grantId }, own)).toBe('invalid_grant')
    })

    test('used up', async () => {
      const delegate = { issuer: issuerOf(await run.assertion()), claims: { repository_id: '76' } }
      const grantId = await stage.window({ delegate, task: { max_tasks: 1 } })
      const [one, two] = [stage.newRun({ repository_id: '76' }), stage.newRun({ repository_id: '76' })]
      expect((await stage.token(exchangeForm(await one.assertion(), { scope, grant_id: grantId }))).status).toBe(200)
      expect(await refused({ scope, grant_id: grantId }, two)).toBe('invalid_grant')
      expect(await refused({ scope }, two)).toBe('access_denied')
    })

    test('the task has ended, and its key refuses for ever', async () => {
      const delegate = { issuer: issuerOf(await run.assertion()), claims: { repository_id: '77' } }
      const grantId = await stage.window({ delegate, task: { max_tasks: 9 } })
      const own = stage.newRun({ repository_id: '77' })
      const first = await stage.token(exchangeForm(await own.assertion(), { scope, task: 'build' }))
      await stage.broker.call('POST', `/tasks/${String(first.body['task_id'])}/complete`, await own.assertion())
      expect(await refused({ scope, task: 'build' }, own)).toBe('invalid_grant')
      expect(await refused({ scope, task: 'build', grant_id: grantId }, own)).toBe('invalid_grant')
      expect((await stage.token(exchangeForm(await own.assertion(), { scope, task: 'test' }))).status).toBe(200)
    })
  })

  describe('invalid_client (401): client authentication failed', () => {
    const client = (assertion: string) => ({
      client_assertion: assertion,
      client_assertion_type: CLIENT_ASSERTION_TYPE,
    })
    const status = async (form: Record<string, string>) => {
      const answer = await stage.token(form)
      return [answer.status, answer.body['error']]
    }

    test('client_credentials without an assertion, and with a bad one', async () => {
      const form = { grant_type: 'client_credentials', audience: DEPLOY, scope: 'deploy:staging' }
      expect(await status(form)).toEqual([401, 'invalid_client'])
      expect(await status({ ...form, ...client('x.y.z') })).toEqual([401, 'invalid_client'])
      expect(await status({ ...form, ...client(await run.assertion({ exp: 1 })) })).toEqual([401, 'invalid_client'])
    })

    test('a client_assertion beside the subject_token that is bad, or of another run', async () => {
      const subject = await run.assertion()
      for (const other of [
        'x.y.z',
        await stage.newRun().assertion(),
        await stage.person('ann'),
        await stage.agent('planner'),
      ])
        expect(await status(exchangeForm(subject, client(other)))).toEqual([401, 'invalid_client'])
    })

    test('a client_assertion of an issuer that no text can hold', async () => {
      const iss = `https://${'x'.repeat(191)}🚀`
      const other = await run.assertion({ iss })
      expect(await status(exchangeForm(await run.assertion(), client(other)))).toEqual([401, 'invalid_client'])
    })

    test('client_id must match the assertion when the client authenticates, and means nothing otherwise', async () => {
      const proved = async (clientId: string) => {
        const assertion = await run.assertion()
        return status(exchangeForm(assertion, { ...client(assertion), client_id: clientId }))
      }
      expect(await proved('somebody')).toEqual([401, 'invalid_client'])
      expect(await proved('repo:acme/shop')).toEqual([200, undefined])
      expect(await proved('spiffe://errand.test/ci/74')).toEqual([200, undefined])
      expect(await status(exchangeForm(await run.assertion(), { client_id: 'somebody' }))).toEqual([200, undefined])
    })

    test('a second assertion of the same run is used up together with the first', async () => {
      const [subject, second] = [await run.assertion(), await run.assertion()]
      expect((await stage.token(exchangeForm(subject, client(second)))).status).toBe(200)
      expect(await refusedToken(second)).toBe('invalid_request')
      expect(await refusedToken(subject)).toBe('invalid_request')
    })
    const refusedToken = async (assertion: string) => errorOf(await stage.token(exchangeForm(assertion)))
  })

  test('client_credentials is the same exchange', async () => {
    const assertion = await run.assertion()
    const form = {
      grant_type: 'client_credentials',
      client_assertion: assertion,
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      audience: DEPLOY,
      scope: 'deploy:staging',
    }
    const answer = await stage.token(form)
    expect(answer).toMatchObject({
      status: 200,
      body: { token_type: 'Bearer', scope: 'deploy:staging', issued_token_type: ACCESS_TOKEN },
    })
    expect(errorOf(await stage.token(form))).toBe('invalid_request')
  })

  test('an answer has the members of the contract, and only them', async () => {
    const { body, headers } = await stage.token(exchangeForm(await run.assertion(), { requested_token_type: JWT }))
    expect(Object.keys(body).sort()).toEqual([
      'access_token',
      'expires_in',
      'grant_id',
      'issued_token_type',
      'lease_seconds',
      'scope',
      'task_id',
      'token_type',
    ])
    expect(body).toMatchObject({ issued_token_type: JWT, token_type: 'Bearer', expires_in: 600, lease_seconds: 900 })
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('the claims are those of the contract, and no person is named', async () => {
    const own = stage.newRun()
    const { claims, grantId, taskId } = await stage.granted(own, { lifetime: '60' })
    const now = stage.clock.now()
    expect(claims).toEqual({
      iss: stage.broker.url,
      sub: 'spiffe://errand.test/ci/74',
      client_id: 'spiffe://errand.test/ci/74',
      aud: DEPLOY,
      iat: now,
      nbf: now,
      exp: now + 60,
      jti: expect.stringMatching(/^cr_[4-7][0-9a-f]{33}$/),
      scope: 'deploy:production',
      grant_id: grantId,
      task_id: taskId,
    })
  })

  test.each([
    ['shortens', '60', 60],
    ['never lengthens', '999999', 600],
  ])('lifetime %s', async (_, lifetime, expires) => {
    const answer = await stage.token(exchangeForm(await run.assertion(), { lifetime }))
    expect(answer.body['expires_in']).toBe(expires)
  })
})

describe('contract §1: too fast', () => {
  test('is 429 with Retry-After', async () => {
    const [store] = STORES
    if (store === undefined) throw new Error('no store')
    const stage = await openStage(store, { limits: { requests_per_minute: { workload: 2, address: 100_000 } } })
    try {
      const run = stage.newRun()
      const answers = []
      for (let at = 0; at < 14; at++) answers.push(await stage.token(exchangeForm(await run.assertion())))
      const last = answers.at(-1)
      expect(last?.status).toBe(429)
      expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0)
      const types = (await stage.events('')).map(({ type }) => type)
      expect(types).not.toContain('exchange.refused')
    } finally {
      await stage.stop()
    }
  })
})

const issuerOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { iss: string }).iss
