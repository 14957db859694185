import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  CLIENT_ASSERTION_TYPE,
  DEFERRAL_CODE,
  deferredForm,
  errorOf,
  exchangeForm,
  openStage,
  pollForm,
  type Run,
  type Stage,
} from '../exchange/stage.js'

/** Deferred Token Response (OAuth working group draft), section by section: docs/rfc-compliance.md names them. */
const EMBEDDED = { name: 'the embedded store', open: () => Promise.resolve({ close: () => Promise.resolve() }) }

let stage: Stage
beforeAll(async () => {
  stage = await openStage(EMBEDDED)
})
afterAll(() => stage.stop())

const cancel = async (run: Run, code: string, hint = DEFERRAL_CODE) =>
  stage.revoke({
    token: code,
    token_type_hint: hint,
    client_assertion: await run.assertion(),
    client_assertion_type: CLIENT_ASSERTION_TYPE,
  })

describe('Client Opt-In Signaling', () => {
  const production = { scope: 'deploy:production', purpose: 'release' }

  test.each([
    ['is absent', {}],
    ['has other values', { completion_mode: 'callback later' }],
    ['has another case', { completion_mode: 'Deferred' }],
  ])('a client whose completion_mode %s is never deferred', async (_, form) => {
    const request = deferredForm(await stage.newRun().assertion(), { ...production, completion_mode: '', ...form })
    expect(errorOf(await stage.token(request))).toBe('access_denied')
  })

  test('values that nobody knows are ignored', async () => {
    const form = deferredForm(await stage.newRun().assertion(), { completion_mode: 'callback deferred later' })
    expect(errorOf(await stage.token(form))).toBe('authorization_pending')
  })

  test('a client that is willing to wait gets at once what needs no waiting', async () => {
    const form = deferredForm(await stage.newRun().assertion(), { scope: 'deploy:staging' })
    expect((await stage.token(form)).status).toBe(200)
  })

  test('the metadata says that responses may be deferred, and codes cancelled', async () => {
    const answer = await fetch(`${stage.broker.url}/.well-known/oauth-authorization-server`)
    const metadata = (await answer.json()) as Record<string, unknown>
    expect(metadata['deferred_token_response_supported']).toBe(true)
    expect(metadata['grant_types_supported']).toContain('urn:ietf:params:oauth:grant-type:deferred')
    expect(metadata['revocation_endpoint_token_type_values_supported']).toContain(DEFERRAL_CODE)
  })
})

describe('Deferred Response', () => {
  test('it is 400 authorization_pending with deferral_code, expires_in and interval, and nobody keeps it', async () => {
    const answer = await stage.token(deferredForm(await stage.newRun().assertion()))
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending', expires_in: 3600, interval: 5 },
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.body).not.toHaveProperty('access_token')
    // 256 bits.
    expect(answer.body['deferral_code']).toMatch(/^dc_[\w-]{43}$/)
  })

  test('the code is bound to who asked: without authentication nothing is deferred', async () => {
    const form = deferredForm(await stage.newRun().assertion(), { client_assertion: '', client_assertion_type: '' })
    expect(errorOf(await stage.token(form))).toBe('access_denied')
  })
})

describe('Polling', () => {
  test('while nobody has decided: authorization_pending, without the code', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    const answer = await stage.poll(run, code)
    expect(errorOf(answer)).toBe('authorization_pending')
    expect(answer.body).not.toHaveProperty('deferral_code')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('the client authenticates as it did when it asked', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    const unproved = { grant_type: 'urn:ietf:params:oauth:grant-type:deferred', deferral_code: code }
    expect(errorOf(await stage.token(unproved))).toBe('invalid_client 401')
    expect(errorOf(await stage.token(pollForm(code, 'not an assertion')))).toBe('invalid_client 401')
  })

  test('a code of somebody else is answered to the letter as one that nobody has', async () => {
    const { code } = await stage.deferred(stage.newRun())
    const stranger = stage.newRun()
    const [foreign, unknown] = [await stage.poll(stranger, code), await stage.poll(stranger, `dc_${'A'.repeat(43)}`)]
    expect(errorOf(foreign)).toBe('invalid_grant')
    expect(foreign.body).toEqual(unknown.body)
  })

  test('faster than the interval: slow_down, and five seconds more from then on', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    expect(errorOf(await stage.poll(run, code))).toBe('authorization_pending')
    stage.clock.advance(4)
    expect(errorOf(await stage.poll(run, code))).toBe('slow_down')
    stage.clock.advance(9)
    expect(errorOf(await stage.poll(run, code))).toBe('slow_down')
    stage.clock.advance(15)
    expect(errorOf(await stage.poll(run, code))).toBe('authorization_pending')
  })

  test('a poll changes nothing of what was asked: a completion_mode is invalid_request', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    const form = { ...pollForm(code, await run.assertion()), completion_mode: 'deferred' }
    expect(errorOf(await stage.token(form))).toBe('invalid_request')
  })

  test('denied: access_denied', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    expect(await stage.review(grantId, 'deny')).toMatchObject({ status: 201 })
    expect(errorOf(await stage.poll(run, code))).toBe('access_denied')
  })

  test('approved: the response of the exchange, once; then the code is invalid_grant', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    expect(await stage.review(grantId, 'approve')).toMatchObject({ status: 201 })
    const answer = await stage.poll(run, code)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 300,
      },
    })
    const again = await stage.poll(run, code)
    expect(errorOf(again)).toBe('invalid_grant')
    expect(again.body['error_description']).toContain('redeemed')
  })

  test('after expires_in: expired_token', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    await stage.later(3600)
    expect(errorOf(await stage.poll(run, code))).toBe('expired_token')
  })
})

describe('Consent Staleness at Resolution', () => {
  test('what was revoked between the approval and the poll is access_denied', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    await stage.review(grantId, 'approve')
    const operator = await stage.person('olga', ['operators'])
    expect((await stage.broker.call('POST', `/grants/${grantId}/revoke`, operator, {})).status).toBeLessThan(300)
    expect(errorOf(await stage.poll(run, code))).toBe('access_denied')
  })
})

describe('Cancellation', () => {
  test('a code that its holder revokes is access_denied from then on, and revoking it again is 200', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    expect((await cancel(run, code)).status).toBe(200)
    expect((await cancel(run, code, '')).status).toBe(200)
    expect(errorOf(await stage.poll(run, code))).toBe('access_denied')
  })

  test('it is authenticated as a poll is', async () => {
    const { code } = await stage.deferred(stage.newRun())
    expect(errorOf(await stage.revoke({ token: code, token_type_hint: DEFERRAL_CODE }))).toBe('invalid_client 401')
  })

  test('a code of somebody else: 200, and nothing has changed', async () => {
    const run = stage.newRun()
    const { code } = await stage.deferred(run)
    expect((await cancel(stage.newRun(), code)).status).toBe(200)
    expect(errorOf(await stage.poll(run, code))).toBe('authorization_pending')
  })

  test('approved, not fetched, cancelled: no credential is issued any more', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    await stage.review(grantId, 'approve')
    expect((await cancel(run, code)).status).toBe(200)
    expect(errorOf(await stage.poll(run, code))).toBe('access_denied')
  })

  test('the credential that a code has become lives on', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    await stage.review(grantId, 'approve')
    const answer = await stage.poll(run, code)
    const token = String(answer.body['access_token'])
    expect((await cancel(run, code)).status).toBe(200)
    expect(await stage.isLive({ token })).toBe(true)
  })
})

describe('Substrate Guarantees', () => {
  test('no authorization expansion: what is redeemed is what was asked, whatever the poll says', async () => {
    const run = stage.newRun()
    const { code, grantId } = await stage.deferred(run)
    await stage.review(grantId, 'approve')
    const form = { ...exchangeForm('x', { scope: 'deploy:critical' }), ...pollForm(code, await run.assertion()) }
    expect(await stage.token(form)).toMatchObject({ status: 200, body: { scope: 'deploy:production' } })
  })
})
