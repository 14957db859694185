import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { digestOf } from '../../../src/grants/digest.js'
import type { Terms } from '../../../src/grants/grant.js'
import {
  CLIENT_ASSERTION_TYPE,
  credentialOf,
  deferredForm,
  DEFERRAL_CODE,
  DEPLOY,
  errorOf,
  exchangeForm,
  openStage,
  pollForm,
  type Run,
  type Stage,
} from './stage.js'
import { STORES } from './stores.js'

describe.each(STORES)('Deferred Token Response, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const statusOf = async (id: string) =>
    (await stage.broker.call('GET', `/grants/${id}`, await stage.person('ann'))).body['status']
  const pollError = async (run: Run, code: string) => errorOf(await stage.poll(run, code))
  const cancel = async (run: Run, code: string) =>
    stage.revoke({
      token: code,
      token_type_hint: DEFERRAL_CODE,
      client_assertion: await run.assertion(),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
    })
  const complete = async (run: Run, taskId: string) =>
    stage.broker.call('POST', `/tasks/${taskId}/complete`, await run.assertion())

  describe('the deferred response', () => {
    test('is an error with all that a client needs to wait, and nobody keeps it', async () => {
      const { status, body, headers } = await stage.token(deferredForm(await stage.newRun().assertion()))
      expect(status).toBe(400)
      expect(body).toEqual({
        error: 'authorization_pending',
        error_description: expect.any(String),
        deferral_code: expect.stringMatching(/^dc_[A-Za-z0-9_-]{43}$/),
        expires_in: 3600,
        interval: 5,
        grant_id: expect.stringMatching(/^gr_[4-7][0-9a-f]{33}$/),
      })
      expect(headers.get('cache-control')).toBe('no-store')
    })

    test('the code is kept as a hash, and no token or code is in evidence or log', async () => {
      const run = stage.newRun()
      const assertion = await run.assertion()
      const { body } = await stage.token(deferredForm(assertion))
      const code = String(body['deferral_code'])
      const { token } = await stage.granted(stage.newRun())
      const said = JSON.stringify(await stage.events('')) + stage.broker.logs.join('')
      for (const secret of [code, code.slice(3), assertion, assertion.split('.')[2] ?? '', token])
        expect(said.includes(secret)).toBe(false)
    })

    test('the verified claims of this run are sealed into the grant', async () => {
      const run = stage.newRun()
      const { grantId } = await stage.deferred(run)
      const { body } = await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('ann'))
      expect(body).toMatchObject({
        status: 'pending',
        sealed: { run_id: run.id },
        delegate: { subject: 'repo:acme/shop', claims: { repository_id: '74' } },
        requested_by: { kind: 'workload', id: 'spiffe://errand.test/ci/74' },
        task: { max_tasks: 1 },
      })
    })

    test('purpose is shown to approvers as data', async () => {
      const { grantId } = await stage.deferred(stage.newRun(), { purpose: 'a\u202eb\u0007<b>c</b>\n' })
      const { body } = await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('ann'))
      expect(body['purpose']).toBe('ab<b>c</b>')
    })

    test('an assertion that made a pending grant is spent by it', async () => {
      const run = stage.newRun()
      const assertion = await run.assertion()
      await stage.token(deferredForm(assertion))
      expect(errorOf(await stage.token(deferredForm(assertion)))).toBe('invalid_request')
      expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
    })
  })

  describe('polling', () => {
    test('pending: nothing but that', async () => {
      const run = stage.newRun()
      const { code } = await stage.deferred(run)
      const { status, body, headers } = await stage.poll(run, code)
      expect(status).toBe(400)
      expect(body).toEqual({ error: 'authorization_pending', error_description: expect.any(String) })
      expect(headers.get('cache-control')).toBe('no-store')
    })

    test('faster than the interval: slow_down, and the interval grows by 5 s (RFC 8628 §3.5)', async () => {
      const run = stage.newRun()
      const { code } = await stage.deferred(run)
      expect(await pollError(run, code)).toBe('authorization_pending')
      await stage.later(4)
      expect(await pollError(run, code)).toBe('slow_down')
      await stage.later(9)
      expect(await pollError(run, code)).toBe('slow_down')
      await stage.later(15)
      expect(await pollError(run, code)).toBe('authorization_pending')
      await stage.later(14)
      expect(await pollError(run, code)).toBe('slow_down')
    })

    test('an assertion of a poll is spent only by success', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      const assertion = await run.assertion()
      expect(errorOf(await stage.token(pollForm(code, assertion)))).toBe('authorization_pending')
      await stage.review(grantId, 'approve')
      await stage.later(5)
      expect((await stage.token(pollForm(code, assertion))).status).toBe(200)
      expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
    })

    test('the assertion that asked does not redeem', async () => {
      const run = stage.newRun()
      const assertion = await run.assertion()
      const { body } = await stage.token(deferredForm(assertion))
      await stage.review(String(body['grant_id']), 'approve')
      const answer = await stage.token(pollForm(String(body['deferral_code']), assertion))
      expect(errorOf(answer)).toBe('invalid_client 401')
    })

    test('redeemed twice: invalid_grant', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      expect((await stage.poll(run, code)).status).toBe(200)
      await stage.later(5)
      expect(await pollError(run, code)).toBe('invalid_grant')
    })

    test('of fifty polls at once, one redeems', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      const answers = await Promise.all(Array.from({ length: 50 }, () => stage.poll(run, code)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(
        (await stage.events(`grant_id=${grantId}`)).filter(({ type }) => type === 'credential.issued'),
      ).toHaveLength(1)
    })

    test('unknown, of another run, of another workload: not told apart', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      const unknown = await stage.poll(run, `dc_${'A'.repeat(43)}`)
      const others = [stage.newRun(), stage.newRun({ repository_id: '75' })]
      const agent = await stage.token(pollForm(code, await stage.agent('planner')))
      for (const answer of [agent, ...(await Promise.all(others.map((other) => stage.poll(other, code))))]) {
        expect(errorOf(answer)).toBe('invalid_grant')
        expect(answer.body).toEqual(unknown.body)
      }
      expect((await stage.poll(run, code)).status).toBe(200)
    })

    test.each([
      ['without an assertion', { client_assertion: '', client_assertion_type: '' }, 'invalid_client 401'],
      ['with a bad one', { client_assertion: 'x.y.z' }, 'invalid_client 401'],
      ['with another client_id', { client_id: 'somebody' }, 'invalid_client 401'],
      ['with completion_mode', { completion_mode: 'deferred' }, 'invalid_request'],
      [
        'with an actor',
        { actor_token: 'x', actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
        'invalid_request',
      ],
    ])('%s', async (_, form, error) => {
      const run = stage.newRun()
      const { code } = await stage.deferred(run)
      expect(errorOf(await stage.token({ ...pollForm(code, await run.assertion()), ...form }))).toBe(error)
    })

    test('denied: access_denied', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'deny')
      expect(await pollError(run, code)).toBe('access_denied')
    })

    test('withdrawn, or revoked before it was redeemed: access_denied', async () => {
      const [one, two] = [stage.newRun(), stage.newRun()]
      const [withdrawn, revoked] = [await stage.deferred(one), await stage.deferred(two)]
      await stage.broker.call('POST', `/grants/${withdrawn.grantId}/revoke`, await one.assertion())
      expect(await pollError(one, withdrawn.code)).toBe('access_denied')
      await stage.review(revoked.grantId, 'approve')
      await stage.broker.call('POST', `/grants/${revoked.grantId}/revoke`, await stage.person('op', ['operators']))
      expect(await pollError(two, revoked.code)).toBe('access_denied')
    })

    test('the run has ended: access_denied, though the request is still pending', async () => {
      const run = stage.newRun()
      const { code } = await stage.deferred(run, { scope: 'deploy:rollback' })
      const working = await stage.granted(run)
      await complete(run, working.taskId)
      await stage.later(5)
      expect(await pollError(run, code)).toBe('access_denied')
      expect((await stage.poll(run, code)).body['error_description']).toBe('the run has ended')
    })

    test('what was approved is carried out as it was asked: task, lifetime, details', async () => {
      const run = stage.newRun()
      const details = [{ type: 'database_query', tables: ['a'] }]
      const { claims, answer, taskId } = await stage.granted(run, {
        task: 'migrate',
        lifetime: '30',
        authorization_details: JSON.stringify(details),
        requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      })
      expect(claims).toMatchObject({ scope: 'deploy:production', authorization_details: details })
      expect(answer.body).toMatchObject({ expires_in: 30, issued_token_type: 'urn:ietf:params:oauth:token-type:jwt' })
      const task = await stage.broker.call('GET', `/tasks/${taskId}`, await run.assertion())
      expect(task.body).toMatchObject({ task: 'migrate', status: 'open' })
    })

    test('client_credentials can be deferred too', async () => {
      const run = stage.newRun()
      const assertion = await run.assertion()
      const { subject_token: _token, subject_token_type: _type, ...form } = deferredForm(assertion)
      const asked = await stage.token({ ...form, grant_type: 'client_credentials' })
      expect(asked.body['error']).toBe('authorization_pending')
      await stage.review(String(asked.body['grant_id']), 'approve')
      expect((await stage.poll(run, String(asked.body['deferral_code']))).status).toBe(200)
    })

    test('separation of duty is checked again: another person’s run of that name is not let through', async () => {
      const run = stage.newRun({ actor_id: 'ci-bob' })
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      const answer = await stage.token(pollForm(code, await run.assertion({ actor_id: 'ci-ann' })))
      expect(errorOf(answer)).toBe('invalid_grant')
    })
  })

  describe('expiry: decided by the record, swept or not (invariant 12)', () => {
    test.each([false, true])('nobody decided in time (swept: %s): expired_token', async (swept) => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.later(3600)
      if (swept) await stage.sweep()
      expect(await pollError(run, code)).toBe('expired_token')
      expect(await statusOf(grantId)).toBe('expired')
      expect((await stage.review(grantId, 'approve')).status).toBe(409)
    })

    test.each([false, true])('approved, and redeemed too late (swept: %s): expired_token', async (swept) => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      await stage.later(3600)
      if (swept) await stage.sweep()
      expect(await pollError(run, code)).toBe('expired_token')
    })

    test('the second before, it is decided and redeemed', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.later(3599)
      expect((await stage.review(grantId, 'approve')).status).toBe(201)
      expect((await stage.poll(run, code)).status).toBe(200)
    })
  })

  describe('equal requests', () => {
    test('join one grant, each with its own code, and each is answered', async () => {
      const run = stage.newRun()
      const [one, two] = [await stage.deferred(run), await stage.deferred(run)]
      expect(two.grantId).toBe(one.grantId)
      expect(two.code).not.toBe(one.code)
      await stage.review(one.grantId, 'approve')
      const [first, second] = [
        credentialOf(await stage.poll(run, one.code)),
        credentialOf(await stage.poll(run, two.code)),
      ]
      expect(second.taskId).toBe(first.taskId)
      expect(second.claims.jti).not.toBe(first.claims.jti)
    })

    test.each([
      ['task', { task: 'b' }],
      ['access', { scope: 'deploy:rollback' }],
      ['lifetime', { lifetime: '10' }],
      ['purpose', { purpose: 'else' }],
    ])('those that differ in %s do not', async (_, form) => {
      const run = stage.newRun()
      const [one, other] = [await stage.deferred(run), await stage.deferred(run, form)]
      expect(other.grantId).not.toBe(one.grantId)
    })

    test('of another run do not', async () => {
      expect((await stage.deferred(stage.newRun())).grantId).not.toBe((await stage.deferred(stage.newRun())).grantId)
    })

    test('twenty at once make one grant', async () => {
      const run = stage.newRun()
      const all = await Promise.all(Array.from({ length: 20 }, () => stage.deferred(run)))
      expect(new Set(all.map(({ grantId }) => grantId)).size).toBe(1)
      expect(new Set(all.map(({ code }) => code)).size).toBe(20)
    })

    test('join while some have reviewed and others have not', async () => {
      const run = stage.newRun()
      const scope = 'deploy:critical'
      const one = await stage.deferred(run, { scope })
      expect((await stage.review(one.grantId, 'approve')).body['status']).toBe('pending')
      expect((await stage.deferred(run, { scope })).grantId).toBe(one.grantId)
    })

    test('reuse: task: the one assertion of a job asks again and again, and is joined to its own request', async () => {
      const job = await stage.job()
      const asked = await stage.token(deferredForm(job))
      const again = await stage.token(deferredForm(job))
      expect(asked.body['error']).toBe('authorization_pending')
      expect(again.body).toMatchObject({ error: 'authorization_pending', grant_id: asked.body['grant_id'] })
      // It serves that deferral and no other.
      expect(errorOf(await stage.token(deferredForm(job, { scope: 'deploy:rollback' })))).toBe('invalid_request')
      await stage.review(String(asked.body['grant_id']), 'approve')
      const redeemed = credentialOf(await stage.token(pollForm(String(again.body['deferral_code']), job)))
      const renewed = credentialOf(await stage.token(exchangeForm(job, { scope: 'deploy:production' })))
      expect(renewed.taskId).toBe(redeemed.taskId)
      expect(errorOf(await stage.token(exchangeForm(job)))).toBe('invalid_request')
    })

    test('reuse: task: many exchanges at once with the one assertion of a job, by a rule, are one task', async () => {
      const job = await stage.job()
      const answers = await Promise.all(Array.from({ length: 20 }, () => stage.token(exchangeForm(job))))
      expect(new Set(answers.map((answer) => credentialOf(answer).taskId)).size).toBe(1)
    })

    test('a denied one cools down, for as long as configured, and only that one', async () => {
      const run = stage.newRun()
      const { grantId } = await stage.deferred(run)
      await stage.review(grantId, 'deny')
      const ask = async (form = {}) => errorOf(await stage.token(deferredForm(await run.assertion(), form)))
      expect(await ask()).toBe('access_denied')
      expect(await ask({ purpose: 'else' })).toBe('authorization_pending')
      await stage.later(299)
      expect(await ask()).toBe('access_denied')
      await stage.later(1)
      expect(await ask()).toBe('authorization_pending')
    })

    test('one that was narrowed by the first and denied by the second reviewer cools down as it was asked', async () => {
      const run = stage.newRun()
      const scope = 'deploy:critical deploy:production'
      const { grantId } = await stage.deferred(run, { scope })
      const narrowed = await narrow(grantId, [
        { audience: DEPLOY, scope: 'deploy:critical', authorization_details: [] },
      ])
      expect(narrowed.body['status']).toBe('pending')
      await stage.review(grantId, 'deny', 'sue', ['security'])
      expect(errorOf(await stage.token(deferredForm(await run.assertion(), { scope })))).toBe('access_denied')
    })
  })

  describe('a narrowed approval', () => {
    test('is answered with the narrowed scope: the only case in which less is given than asked', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run, { scope: 'deploy:production deploy:rollback' })
      const narrowed = await narrow(grantId, [
        { audience: DEPLOY, scope: 'deploy:rollback', authorization_details: [] },
      ])
      expect(narrowed).toMatchObject({ status: 201, body: { status: 'active' } })
      const { claims, answer } = credentialOf(await stage.poll(run, code))
      expect([claims['scope'], answer.body['scope']]).toEqual(['deploy:rollback', 'deploy:rollback'])
      const wide = { scope: 'deploy:production deploy:rollback' }
      expect(errorOf(await stage.token(exchangeForm(await run.assertion(), wide)))).toBe('access_denied')
    })

    test('of details, too', async () => {
      const run = stage.newRun()
      const details = (tables: string[]) => [{ type: 'database_query', tables }]
      const { code, grantId } = await stage.deferred(run, {
        authorization_details: JSON.stringify(details(['a', 'b'])),
      })
      await narrow(grantId, [{ audience: DEPLOY, scope: '', authorization_details: details(['b']) }])
      const { claims } = credentialOf(await stage.poll(run, code))
      expect(claims['scope']).toBeUndefined()
      expect(claims['authorization_details']).toEqual(details(['b']))
    })
  })

  /** Ann approves narrower access. */
  async function narrow(grantId: string, access: Terms['access']) {
    const ann = await stage.person('ann')
    const { body } = await stage.broker.call('GET', `/grants/${grantId}`, ann)
    const terms = { ...termsOf(body, stage.broker.url), access }
    return stage.broker.call('POST', `/grants/${grantId}/reviews`, ann, {
      decision: 'approve',
      terms,
      digest: digestOf(terms),
    })
  }

  describe('cancelling by /revoke', () => {
    test('the code is refused from then on, and the request that nobody waits for is withdrawn', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      expect((await cancel(run, code)).status).toBe(200)
      expect(await pollError(run, code)).toBe('access_denied')
      expect(await statusOf(grantId)).toBe('withdrawn')
      expect((await cancel(run, code)).status).toBe(200)
    })

    test('the evidence names the grant, and the run where an assertion says which', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await cancel(run, code)
      await cancel(run, code)
      const events = await stage.events(`grant_id=${grantId}`)
      const cancelled = events.filter(({ type }) => type === 'deferral.cancelled')
      expect(cancelled).toMatchObject([{ grant_id: grantId, workload: expect.stringContaining('spiffe://') }])
      expect(events.map(({ type }) => type)).toEqual(['grant.requested', 'deferral.cancelled', 'grant.withdrawn'])
    })

    test('while others wait, their request stays', async () => {
      const run = stage.newRun()
      const [one, two] = [await stage.deferred(run), await stage.deferred(run)]
      await cancel(run, one.code)
      expect(await statusOf(one.grantId)).toBe('pending')
      await stage.review(one.grantId, 'approve')
      expect(await pollError(run, one.code)).toBe('access_denied')
      expect((await stage.poll(run, two.code)).status).toBe(200)
    })

    test('approved and not yet fetched: it is never issued', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      await cancel(run, code)
      expect(await pollError(run, code)).toBe('access_denied')
    })

    test('redeemed before: 200, and the credential lives on', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await stage.review(grantId, 'approve')
      const credential = credentialOf(await stage.poll(run, code))
      expect((await cancel(run, code)).status).toBe(200)
      expect(await stage.isLive(credential)).toBe(true)
    })

    test('authenticated like a poll: without, or by another run, nothing is cancelled', async () => {
      const run = stage.newRun()
      const { code } = await stage.deferred(run)
      expect(errorOf(await stage.revoke({ token: code }))).toBe('invalid_client 401')
      expect((await cancel(stage.newRun(), code)).status).toBe(200)
      expect(await pollError(run, code)).toBe('authorization_pending')
    })

    test('a new request after it waits anew', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      await cancel(run, code)
      expect((await stage.deferred(run)).grantId).not.toBe(grantId)
    })
  })
})

describe.each(STORES)('invariant 14: strangers fill nothing, and pending grants have limits, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store, { limits: { pending_per_workload: 3, pending_per_group: 5 } })
  })
  afterAll(() => stage.stop())
  const ask = async (run: Run, form = {}) => errorOf(await stage.token(deferredForm(await run.assertion(), form)))

  test('so many pending grants of one workload, and so many for one group; equal ones join all the same', async () => {
    const [shop, other] = [{ repository_id: '74' }, { repository_id: '75' }]
    const first = stage.newRun(shop)
    expect(await ask(first)).toBe('authorization_pending')
    expect(await ask(stage.newRun(shop))).toBe('authorization_pending')
    expect(await ask(stage.newRun(shop))).toBe('authorization_pending')
    const full = await stage.token(deferredForm(await stage.newRun(shop).assertion()))
    expect(full.status).toBe(429)
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await ask(first)).toBe('authorization_pending')

    expect(await ask(stage.newRun(other))).toBe('authorization_pending')
    expect(await ask(stage.newRun(other))).toBe('authorization_pending')
    expect(await ask(stage.newRun(other))).toBe('temporarily_unavailable 429')
    // The group is full: what waits already is joined.
    expect(await ask(first)).toBe('authorization_pending')
  })

  test('deciding one makes room', async () => {
    const { body } = await stage.broker.call('GET', '/grants?status=pending', await stage.person('ann'))
    const [waiting] = body['grants'] as { id: string }[]
    await stage.review(waiting?.id ?? '', 'deny')
    const { body: after } = await stage.broker.call('GET', '/grants?status=pending', await stage.person('ann'))
    expect((after['grants'] as unknown[]).length).toBe(4)
    const run = stage.newRun({ repository_id: '76' })
    expect(await ask(run)).toBe('authorization_pending')
  })

  test('whoever proves nothing leaves no evidence and no grant', async () => {
    const before = await stage.events('')
    for (const token of ['x', await stage.newRun().assertion({ exp: 1 }), await stage.newRun().assertion({ aud: 'x' })])
      expect(errorOf(await stage.token(deferredForm(token)))).toBe('invalid_request')
    expect(await stage.events('')).toHaveLength(before.length)
  })

  test('a verified caller who is refused leaves evidence of it', async () => {
    const before = await stage.events('')
    expect(errorOf(await stage.token(exchangeForm(await stage.newRun().assertion(), { scope: 'x' })))).toBe(
      'invalid_scope',
    )
    const after = await stage.events('')
    expect(after.length).toBe(before.length + 1)
    const made = after.find(({ id }) => !before.some((event) => event['id'] === id))
    expect(made).toMatchObject({
      type: 'exchange.refused',
      workload: 'spiffe://errand.test/ci/74',
      data: { reason: 'scope_unknown', scope: 'x' },
    })
  })
})

/** The terms of a grant as the API shows it. */
function termsOf(grant: Record<string, unknown>, issuer: string): Terms {
  const { status: _s, created_at: _c, expires_at: _e, digest: _d, reviews: _r, ended: _n, ...terms } = grant
  return { v: 1, issuer, ...terms } as unknown as Terms
}
