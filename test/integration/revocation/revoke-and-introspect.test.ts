import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { errorOf, exchangeForm, openStage, OTHER, TICKET, type Stage } from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

describe.each(STORES)('RFC 7009 and RFC 7662, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const flip = (token: string) => token.slice(0, -10) + (token.at(-10) === 'A' ? 'B' : 'A') + token.slice(-9)

  describe('POST /revoke', () => {
    test('the token suffices, and it is final', async () => {
      const run = stage.newRun()
      const credential = await stage.ruled(run)
      const other = await stage.ruled(run)
      const { status, headers } = await stage.revoke({ token: credential.token })
      expect(status).toBe(200)
      expect(headers.get('cache-control')).toBe('no-store')
      expect([await stage.isLive(credential), await stage.isLive(other)]).toEqual([false, true])
      expect((await stage.revoke({ token: credential.token })).status).toBe(200)
      const revoked = (await stage.events(`task_id=${credential.taskId}`)).filter(
        ({ type }) => type === 'credential.revoked',
      )
      expect(revoked).toHaveLength(1)
      expect(revoked[0]).toMatchObject({ credential_id: credential.claims.jti, stream: 'revocation' })
    })

    test('its task goes on: the run may exchange again', async () => {
      const run = stage.newRun()
      const credential = await stage.ruled(run)
      await stage.revoke({ token: credential.token })
      expect((await stage.ruled(run)).taskId).toBe(credential.taskId)
    })

    test('an equal Bearer may accompany it, another one may not', async () => {
      const [one, other] = [await stage.ruled(stage.newRun()), await stage.ruled(stage.newRun())]
      const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
      expect(errorOf(await stage.revoke({ token: one.token }, bearer(other.token)))).toBe('invalid_request')
      expect(errorOf(await stage.revoke({ token: one.token }, { Authorization: `Basic ${btoa('a:b')}` }))).toBe(
        'invalid_request',
      )
      expect([await stage.isLive(one), await stage.isLive(other)]).toEqual([true, true])
      expect((await stage.revoke({ token: one.token }, bearer(one.token))).status).toBe(200)
      expect(await stage.isLive(one)).toBe(false)
    })

    test('a hint may be wrong (RFC 7009 §2.1)', async () => {
      const credential = await stage.ruled(stage.newRun())
      await stage.revoke({ token: credential.token, token_type_hint: 'refresh_token' })
      expect(await stage.isLive(credential)).toBe(false)
    })

    test('RFC 7009 §2.2: what is unknown, foreign, changed or over is answered alike', async () => {
      const credential = await stage.ruled(stage.newRun())
      for (const token of ['x', '..', flip(credential.token), await stage.newRun().assertion(), `dc_${'A'.repeat(42)}`])
        expect((await stage.revoke({ token })).status).toBe(200)
      expect(await stage.isLive(credential)).toBe(true)
      await stage.later(700)
      expect((await stage.revoke({ token: credential.token })).status).toBe(200)
    })

    test.each([
      ['token absent', {}],
      ['token empty', { token: '' }],
      ['token over 16 KiB', { token: 'x'.repeat(16 * 1024 + 1) }],
      ['client_assertion of another type', { token: 'x', client_assertion: 'x', client_assertion_type: 'y' }],
    ])('%s: invalid_request', async (_, form) => {
      expect(errorOf(await stage.revoke(form))).toBe('invalid_request')
    })

    test('an assertion that is held by somebody else ends nothing of its workload', async () => {
      const run = stage.newRun()
      const credential = await stage.ruled(run)
      await stage.revoke({ token: await run.assertion() })
      expect(await stage.isLive(credential)).toBe(true)
    })
  })

  describe('POST /introspect', () => {
    test('a live credential: its claims', async () => {
      const credential = await stage.granted(stage.newRun())
      const { status, body } = await stage.introspect(credential.token)
      expect(status).toBe(200)
      expect(body).toEqual({ active: true, token_type: 'Bearer', ...credential.claims })
    })

    test('only for the caller’s own audience', async () => {
      const [deploy, other] = [
        await stage.ruled(stage.newRun()),
        await stage.ruled(stage.newRun(), { audience: OTHER, scope: 'peek' }),
      ]
      expect((await stage.introspect(deploy.token, 'other-api')).body).toEqual({ active: false })
      expect((await stage.introspect(other.token, 'deploy-api')).body).toEqual({ active: false })
      expect((await stage.introspect(other.token, 'other-api')).body).toMatchObject({ active: true, aud: OTHER })
    })

    test('anything else is not active, and nothing more is said', async () => {
      const run = stage.newRun()
      const credential = await stage.ruled(run)
      for (const token of [
        'x',
        '..',
        flip(credential.token),
        await run.assertion(),
        await stage.person('ann'),
        `dc_${'A'.repeat(43)}`,
      ])
        expect((await stage.introspect(token)).body).toEqual({ active: false })
    })

    test('expired: at exp, not after', async () => {
      const credential = await stage.ruled(stage.newRun(), { lifetime: '60' })
      await stage.later(59)
      expect(await stage.isLive(credential)).toBe(true)
      await stage.later(1)
      expect(await stage.isLive(credential)).toBe(false)
    })

    test('what was confirmed as sent outlives the time in which it had to be', async () => {
      const credential = await stage.ruled(stage.newRun())
      await stage.later(40)
      await stage.sweep()
      expect(await stage.isLive(credential)).toBe(true)
    })

    test('revoked, its task completed, its grant revoked or expired', async () => {
      const operator = () => stage.person('op', ['operators'])
      const [one, two, three] = [stage.newRun(), stage.newRun(), stage.newRun()]
      const [revoked, completed, ended] = [
        await stage.granted(one),
        await stage.granted(two),
        await stage.granted(three),
      ]
      await stage.revoke({ token: revoked.token })
      await stage.broker.call('POST', `/tasks/${completed.taskId}/complete`, await operator())
      await stage.broker.call('POST', `/grants/${ended.grantId}/revoke`, await operator())
      for (const credential of [revoked, completed, ended])
        expect((await stage.introspect(credential.token)).body).toEqual({ active: false })
    })

    test.each([
      ['nobody', undefined],
      ['an unknown client', 'nobody:x'],
      ['a wrong secret', 'deploy-api:x'],
      ['no secret', 'deploy-api:'],
    ])('%s: invalid_client', async (_, basic) => {
      const headers: Record<string, string> = basic === undefined ? {} : { Authorization: `Basic ${btoa(basic)}` }
      const answer = await stage.broker.post('/introspect', { token: 'x' }, headers)
      expect(errorOf(answer)).toBe('invalid_client 401')
      expect(answer.headers.get('www-authenticate')).toContain('Basic')
    })

    test('a workload, a person, or the holder of the credential may not', async () => {
      const run = stage.newRun()
      const { token } = await stage.ruled(run)
      for (const bearer of [token, await run.assertion(), await stage.person('ann')])
        expect(errorOf(await stage.broker.post('/introspect', { token }, { Authorization: `Bearer ${bearer}` }))).toBe(
          'invalid_client 401',
        )
    })

    test('without a token: invalid_request', async () => {
      expect(errorOf(await stage.introspect(''))).toBe('invalid_request')
    })
  })

  test('a credential opens no endpoint of ours', async () => {
    const { token, grantId } = await stage.granted(stage.newRun())
    const call = async (method: string, path: string, body?: unknown) =>
      (await stage.broker.call(method, path, token, body)).status
    expect(await call('GET', '/grants')).toBe(403)
    expect(await call('GET', `/grants/${grantId}`)).toBe(404)
    expect(await call('POST', `/grants/${grantId}/revoke`)).toBe(403)
    expect(
      await call('POST', `/grants/${grantId}/reviews`, { decision: 'approve', digest: `sha256:${'0'.repeat(64)}` }),
    ).toBe(403)
    expect(await call('GET', '/evidence/events')).toBe(403)
    const authorized = { Authorization: `Bearer ${token}` }
    expect(
      errorOf(await stage.broker.post('/token', exchangeForm('x', { requested_token_type: TICKET }), authorized)),
    ).toBe('invalid_client 401')
  })
})
