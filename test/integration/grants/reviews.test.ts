import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Answer } from '../../support/broker.js'
import { DEPLOY, deferredForm, errorOf, exchangeForm, openStage, type Run, type Stage } from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

describe.each(STORES)('contract §1, Review, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const digestOf = async (id: string) =>
    String((await stage.broker.call('GET', `/grants/${id}`, await stage.person('op', ['operators']))).body['digest'])
  const send = async (id: string, token: string, more: Record<string, unknown> = {}): Promise<Answer> =>
    stage.broker.call('POST', `/grants/${id}/reviews`, token, {
      decision: 'approve',
      digest: await digestOf(id),
      ...more,
    })
  const typeOf = ({ status, body }: Answer) => `${status} ${String(body['type']).split(':').at(-1) ?? ''}`
  const pendingOf = async (scope = 'deploy:production', run: Run = stage.newRun()) =>
    (await stage.deferred(run, { scope })).grantId

  test('an approval says who, for which group, and when; not who they are elsewhere', async () => {
    const id = await pendingOf()
    const { status, body } = await send(id, await stage.person('ann'), { reason: 'looks\u202e fine\n' })
    expect(status).toBe(201)
    expect(body).toMatchObject({ status: 'active', expires_at: expect.any(String) })
    expect(body['reviews']).toEqual([
      {
        by: 'corp:ann',
        group: 'platform',
        decision: 'approve',
        reason: 'looks fine',
        at: new Date(stage.clock.now() * 1000).toISOString().replace('.000', ''),
      },
    ])
  })

  test('several groups must all approve, by different people', async () => {
    const id = await pendingOf('deploy:critical')
    const both = () => stage.person('ann', ['platform', 'security'])
    expect(typeOf(await send(id, await both()))).toBe('400 group_ambiguous')
    expect((await send(id, await both(), { group: 'platform' })).body['status']).toBe('pending')
    expect(typeOf(await send(id, await both(), { group: 'security' }))).toBe('409 already_reviewed')
    expect((await send(id, await stage.person('sue', ['security']))).body['status']).toBe('active')
  })

  test('fifty approvals at once activate once', async () => {
    const id = await pendingOf()
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, at) => stage.person(`p${at}`)))
    const digest = await digestOf(id)
    const answers = await Promise.all(
      tokens.map((token) => stage.broker.call('POST', `/grants/${id}/reviews`, token, { decision: 'approve', digest })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    const activated = (await stage.events(`grant_id=${id}`)).filter(({ type }) => type === 'grant.activated')
    expect(activated).toHaveLength(1)
  })

  test('an approval and a denial at once: one of them stands', async () => {
    const id = await pendingOf()
    const digest = await digestOf(id)
    const [ann, bob] = [await stage.person('ann'), await stage.person('bob')]
    const review = (token: string, decision: string) =>
      stage.broker.call('POST', `/grants/${id}/reviews`, token, { decision, digest })
    const answers = await Promise.all([review(ann, 'approve'), review(bob, 'deny')])
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409])
    const { body } = await stage.broker.call('GET', `/grants/${id}`, ann)
    expect(body['reviews']).toHaveLength(1)
  })

  describe('refused', () => {
    test('a wrong digest: 409, and nothing has changed', async () => {
      const id = await pendingOf()
      expect(typeOf(await send(id, await stage.person('ann'), { digest: `sha256:${'0'.repeat(64)}` }))).toBe(
        '409 digest_mismatch',
      )
      expect(typeOf(await send(id, await stage.person('ann'), { digest: 'x' }))).toMatch(/^400/)
    })

    test.each([
      [
        'wider access',
        { access: [{ audience: DEPLOY, scope: 'deploy:production deploy:rollback', authorization_details: [] }] },
      ],
      ['a longer time', { duration_seconds: 7200 }],
      ['another workload', { delegate: { issuer: 'x', subject: '*', claims: {} } }],
      ['fewer reviews', { required_reviews: [] }],
      ['the same', {}],
    ])('terms that are not narrower (%s): 409', async (_, change) => {
      const id = await pendingOf()
      const { body } = await stage.broker.call('GET', `/grants/${id}`, await stage.person('ann'))
      const { status: _s, created_at: _c, digest, reviews: _r, ...terms } = body
      const wider = { v: 1, issuer: stage.broker.url, ...terms, ...change }
      expect(typeOf(await send(id, await stage.person('ann'), { terms: wider, digest }))).toBe('409 terms_not_narrower')
    })

    test.each<[string, readonly string[], string]>([
      ['nobody', [], '403 forbidden'],
      ['an operator', ['operators'], '403 forbidden'],
      ['an auditor', ['audit'], '403 forbidden'],
      ['an approver of another group', ['security'], '403 not_in_group'],
    ])('by %s', async (_, groups, type) => {
      const id = await pendingOf()
      expect(typeOf(await send(id, await stage.person('x', groups)))).toBe(type)
      expect(typeOf(await send(id, await stage.person('x', groups), { decision: 'deny' }))).toBe(type)
    })

    test('invariant 7: by no machine, whatever its claims', async () => {
      const run = stage.newRun()
      const { grantId } = await stage.deferred(run)
      const { token } = await stage.ruled(stage.newRun())
      const posing = {
        groups: ['platform', 'security'],
        auth_time: stage.clock.now(),
        amr: ['pwd'],
        acr: 'high',
        aud: ['errand'],
      }
      for (const machine of [
        await run.assertion(posing),
        await stage.agent('ann', posing),
        await stage.job(posing),
        token,
      ])
        for (const decision of ['approve', 'deny'])
          expect(typeOf(await send(grantId, machine, { decision }))).toBe('403 forbidden')
      expect((await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('ann'))).body['status']).toBe(
        'pending',
      )
    })

    test('without a token, or with a bad one: 401 with a challenge', async () => {
      const id = await pendingOf()
      for (const token of [
        undefined,
        'x.y.z',
        await stage.person('ann', ['platform'], { exp: 1 }),
        await stage.person('ann', ['platform'], { aud: 'x' }),
        await stage.person('ann', ['platform'], { auth_time: undefined }),
      ]) {
        const answer = await stage.broker.call('POST', `/grants/${id}/reviews`, token, {
          decision: 'approve',
          digest: await digestOf(id),
        })
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toMatch(
          token === undefined ? /^Bearer realm="errand", DPoP algs="[A-Za-z0-9 ]+"$/ : /^Bearer error="invalid_token"/,
        )
      }
    })

    test('RFC 9470: a sign-in that is too old for the tier: 401 with the challenge', async () => {
      const id = await pendingOf('deploy:critical')
      const signedIn = (age: number) => stage.person('ann', ['platform'], { auth_time: stage.clock.now() - age })
      const answer = await send(id, await signedIn(601))
      expect(typeOf(answer)).toBe('401 insufficient_user_authentication')
      const challenge = answer.headers.get('www-authenticate') ?? ''
      expect(challenge).toMatch(/^Bearer /)
      expect(challenge).toContain('error="insufficient_user_authentication"')
      expect(challenge).toContain('max_age="600"')
      expect((await send(id, await signedIn(600))).status).toBe(201)
    })

    test('what is decided already', async () => {
      const id = await pendingOf()
      await stage.review(id, 'deny')
      for (const decision of ['approve', 'deny'])
        expect(typeOf(await send(id, await stage.person('bob'), { decision }))).toBe('409 not_pending')
    })

    test('an unknown grant: 404', async () => {
      for (const id of ['gr_x', 'gr_47000000000000000000000000000000aa'])
        expect(
          (
            await stage.broker.call('POST', `/grants/${id}/reviews`, await stage.person('ann'), {
              decision: 'approve',
              digest: `sha256:${'0'.repeat(64)}`,
            })
          ).status,
        ).toBe(404)
    })

    test('a refused review leaves evidence of who tried', async () => {
      const run = stage.newRun({ actor_id: 'ci-ann' })
      const { grantId } = await stage.deferred(run)
      await send(grantId, await stage.person('ann'))
      expect((await stage.events(`grant_id=${grantId}`)).at(-1)).toMatchObject({
        type: 'review.refused',
        person: 'corp:ann',
        data: { reason: 'started_the_run', decision: 'approve' },
      })
    })
  })

  describe('contract §3, separation', () => {
    const started = (by: string | undefined) => stage.newRun({ actor_id: by })

    test('strict: who started the run, or cannot be told apart from them, does not approve it', async () => {
      const own = await pendingOf('deploy:production', started('ci-ann'))
      expect(typeOf(await send(own, await stage.person('ann')))).toBe('403 started_the_run')
      expect(typeOf(await send(own, await stage.person('bob', ['platform'], { ci_id: undefined })))).toBe(
        '403 separation_unknown',
      )
      expect((await send(own, await stage.person('bob'))).status).toBe(201)
    })

    test('strict: a run that names nobody, though its source does, is approved by nobody', async () => {
      const id = await pendingOf('deploy:production', started(undefined))
      expect(typeOf(await send(id, await stage.person('ann')))).toBe('403 separation_unknown')
    })

    test('whoever started it may deny it', async () => {
      const id = await pendingOf('deploy:production', started('ci-ann'))
      expect((await send(id, await stage.person('ann'), { decision: 'deny' })).body['status']).toBe('denied')
    })

    test('best_effort: lets through what cannot be told, and says so in the evidence', async () => {
      const run = started(undefined)
      const { code, grantId } = await stage.deferred(run, { scope: 'deploy:watched' })
      expect((await send(grantId, await stage.person('ann'))).body['status']).toBe('active')
      expect((await stage.poll(run, code)).status).toBe(200)
      const events = await stage.events(`grant_id=${grantId}`)
      expect(events.find(({ type }) => type === 'review.recorded')).toMatchObject({ data: { unseparated: true } })
      expect(events.find(({ type }) => type === 'credential.issued')).toMatchObject({ data: { unseparated: true } })
    })

    test('best_effort: where two people are told apart, nothing is said', async () => {
      const run = started('5')
      const { code, grantId } = await stage.deferred(run, { scope: 'deploy:watched' })
      await send(grantId, await stage.person('ann'))
      await stage.poll(run, code)
      const issued = (await stage.events(`grant_id=${grantId}`)).find(({ type }) => type === 'credential.issued')
      expect(issued?.['data']).not.toHaveProperty('unseparated')
    })

    test('best_effort: not who started the run', async () => {
      const id = await pendingOf('deploy:watched', started('ci-ann'))
      expect(typeOf(await send(id, await stage.person('ann')))).toBe('403 started_the_run')
    })

    test('standing windows are checked at each exchange', async () => {
      const ci = issuerOf(await stage.newRun().assertion())
      await stage.window({ delegate: { issuer: ci, claims: { repository_id: '95' } }, task: { max_tasks: 9 } })
      const use = async (actor: string | undefined) =>
        errorOf(
          await stage.token(
            exchangeForm(await stage.newRun({ repository_id: '95', actor_id: actor }).assertion(), {
              scope: 'deploy:production',
            }),
          ),
        )
      expect(await use('5')).toBe('none 200')
      expect(await use('ci-ann')).toBe('access_denied')
      expect(await use(undefined)).toBe('access_denied')
    })

    test('a source that names nobody is exempt', async () => {
      const job = await stage.job()
      const { body } = await stage.token(deferredForm(job))
      expect(
        (await send(String(body['grant_id']), await stage.person('ann', ['platform'], { ci_id: undefined }))).status,
      ).toBe(201)
    })
  })

  test('invariant 6: who asked for a grant does not approve it', async () => {
    const ci = issuerOf(await stage.newRun().assertion())
    const asked = await stage.broker.call('POST', '/grants', await stage.person('ann'), {
      delegate: { issuer: ci, claims: { repository_id: '74' } },
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      purpose: 'mine',
    })
    const id = String(asked.body['id'])
    expect(typeOf(await send(id, await stage.person('ann')))).toBe('403 is_requester')
    expect((await send(id, await stage.person('bob'))).status).toBe(201)
  })
})

const issuerOf = (jwt: string): string =>
  (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { iss: string }).iss
