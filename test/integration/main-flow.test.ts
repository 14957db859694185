import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { DEPLOY, deferredForm, exchangeForm, pollForm, startBroker, type TestBroker } from '../support/broker.js'
import { turnableClock, type TurnableClock } from '../support/clock.js'

let broker: TestBroker
let clock: TurnableClock

beforeAll(async () => {
  clock = turnableClock(Math.floor(Date.now() / 1000))
  broker = await startBroker({ clock })
})
afterAll(() => broker.stop())

describe('the main flow: asked, deferred, approved, issued, used, completed, refused', () => {
  test('a run asks, waits for a person, works, completes, and is refused from then on', async () => {
    const first = await broker.assertion()
    const asked = await broker.post('/token', deferredForm(first))
    expect(asked).toMatchObject({ status: 400, body: { error: 'authorization_pending', interval: 5 } })
    const code = String(asked.body['deferral_code'])
    const id = String(asked.body['grant_id'])

    clock.advance(5)
    expect(await broker.post('/token', pollForm(code, await broker.assertion()))).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending' },
    })

    const read = await broker.call('GET', `/grants/${id}`, await broker.person('ann'))
    expect(read.body).toMatchObject({ id, status: 'pending', purpose: 'deploy shop 4.2', sealed: { run_id: '9912' } })
    const reviewed = await broker.call('POST', `/grants/${id}/reviews`, await broker.person('ann'), {
      decision: 'approve',
      digest: read.body['digest'],
    })
    expect(reviewed).toMatchObject({ status: 201, body: { status: 'active' } })

    clock.advance(5)
    const issued = await broker.post('/token', pollForm(code, await broker.assertion()))
    expect(issued).toMatchObject({ status: 200, body: { scope: 'deploy:production', grant_id: id } })
    const token = String(issued.body['access_token'])
    expect(decodeJwt(token)).toMatchObject({ aud: DEPLOY, scope: 'deploy:production', grant_id: id })

    const basic = { Authorization: `Basic ${Buffer.from(`deploy-api:${broker.secret}`).toString('base64')}` }
    expect((await broker.post('/introspect', { token }, basic)).body).toMatchObject({ active: true, grant_id: id })

    const completed = await broker.call(
      'POST',
      `/tasks/${String(issued.body['task_id'])}/complete`,
      await broker.assertion(),
    )
    expect(completed).toMatchObject({ status: 200, body: { status: 'completed' } })
    expect((await broker.post('/introspect', { token }, basic)).body).toEqual({ active: false })

    const again = await broker.post('/token', deferredForm(await broker.assertion()))
    expect(again).toMatchObject({
      status: 400,
      body: { error: 'access_denied', error_description: 'the run has ended' },
    })
    expect(await broker.post('/token', deferredForm(await broker.assertion({ run_id: '9913' })))).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending' },
    })

    const events = await broker.call(
      'GET',
      `/evidence/events?grant_id=${id}`,
      await broker.person('eve', { groups: ['audit'] }),
    )
    const types = (events.body['events'] as { type: string }[]).map(({ type }) => type)
    expect(types).toEqual([
      'grant.requested',
      'review.recorded',
      'grant.activated',
      'task.opened',
      'credential.issued',
      'task.completed',
      'grant.completed',
    ])
  })

  test('a rule permits: the credential comes at once, and its assertion serves once', async () => {
    const assertion = await broker.assertion({ run_id: 'r-rule' })
    const issued = await broker.post('/token', exchangeForm(assertion))
    expect(issued).toMatchObject({ status: 200, body: { scope: 'deploy:staging', token_type: 'Bearer' } })
    expect(await broker.post('/token', exchangeForm(assertion))).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    })
    const renewed = await broker.post('/token', exchangeForm(await broker.assertion({ run_id: 'r-rule' })))
    expect(renewed).toMatchObject({
      status: 200,
      body: { task_id: issued.body['task_id'], grant_id: issued.body['grant_id'] },
    })
  })
})
