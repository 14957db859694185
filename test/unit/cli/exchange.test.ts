import { describe, expect, test } from '@jest/globals'
import type { Api, ApiAnswer, ApiRequest } from '../../../src/cli/api.js'
import { CommandError } from '../../../src/cli/command-error.js'
import { exchange } from '../../../src/cli/exchange.js'
import { EXIT } from '../../../src/cli/exit-codes.js'

const WANTED = { audience: 'https://deploy.example.com', scope: 'deploy:production', purpose: 'release' }
const CREDENTIAL = {
  access_token: 'credential',
  token_type: 'Bearer',
  expires_in: 300,
  grant_id: 'gr_1',
  task_id: 'tk_1',
}
const DEFERRED = {
  error: 'authorization_pending',
  deferral_code: 'code',
  expires_in: 3600,
  interval: 0.001,
  grant_id: 'gr_1',
}
const GIVEN: ApiAnswer = { status: 200, body: CREDENTIAL }
const WAIT: ApiAnswer = { status: 400, body: DEFERRED }
const PENDING: ApiAnswer = { status: 400, body: { error: 'authorization_pending' } }

/** Answers in this order; an error is thrown. The clock goes on by a second with each question. */
function broker(answers: readonly (ApiAnswer | CommandError)[]) {
  const requests: ApiRequest[] = []
  const progress: string[] = []
  let seconds = 0
  let assertions = 0
  const api: Api = {
    url: 'https://errand.example.com',
    send: (request) => {
      const answer = answers[requests.length]
      requests.push(request)
      seconds += 1
      if (answer instanceof CommandError) return Promise.reject(answer)
      if (answer === undefined) throw new Error('one question too many')
      return Promise.resolve(answer)
    },
  }
  const deps = {
    api,
    assertion: () => Promise.resolve(`assertion-${++assertions}`),
    nowMs: () => seconds * 1000,
    progress: (text: string) => progress.push(text),
  }
  return { deps, requests, progress }
}

describe('errand exchange', () => {
  test('contract §1: with a CSR it asks for a certificate, without one for what the broker gives by default', async () => {
    const { deps, requests } = broker([GIVEN, GIVEN])
    await exchange(deps, { ...WANTED, csr: 'PEM' })
    await exchange(deps, WANTED)
    expect(requests[0]?.form).toMatchObject({
      requested_token_type: 'urn:errand:token-type:x509-certificate',
      csr: 'PEM',
    })
    expect(requests[1]?.form).not.toHaveProperty('csr')
    expect(requests[1]?.form).not.toHaveProperty('requested_token_type')
  })

  test('RFC 8693 §2.1: the assertion is the subject token; without --wait nobody is asked', async () => {
    const { deps, requests } = broker([GIVEN])
    await expect(exchange(deps, WANTED)).resolves.toEqual(CREDENTIAL)
    expect(requests[0]?.form).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'assertion-1',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: WANTED.audience,
      scope: WANTED.scope,
    })
    expect(requests[0]?.form?.['completion_mode']).toBeUndefined()
    expect(requests[0]?.form?.['client_assertion']).toBeUndefined()
  })

  test('Deferred Token Response: it waits, asks each time with a fresh assertion, and gets the credential', async () => {
    const { deps, requests, progress } = broker([WAIT, PENDING, GIVEN])
    await expect(exchange(deps, WANTED, 60)).resolves.toEqual(CREDENTIAL)
    expect(requests[0]?.form).toMatchObject({ completion_mode: 'deferred', client_assertion: 'assertion-1' })
    expect(requests.slice(1).map(({ form }) => [form?.['deferral_code'], form?.['client_assertion']])).toEqual([
      ['code', 'assertion-2'],
      ['code', 'assertion-3'],
    ])
    expect(requests[1]?.form?.['completion_mode']).toBeUndefined()
    expect(progress[0]).toContain('errand grants approve gr_1')
    // Invariant 10: the code is a secret.
    expect(progress.join('\n')).not.toMatch(/\bcode\b/)
  })

  test('when the time is over it is pending, exit code 3', async () => {
    const { deps } = broker([WAIT, PENDING, PENDING, PENDING])
    await expect(exchange(deps, WANTED, 3)).rejects.toMatchObject({ exitCode: EXIT.pending })
  })

  test('a broker that is restarted meanwhile, and one that is busy, are asked again', async () => {
    const gone = new CommandError(EXIT.unavailable, 'cannot reach it')
    const { deps, progress } = broker([WAIT, gone, { status: 503, body: {}, retryAfter: 0 }, GIVEN])
    await expect(exchange(deps, WANTED, 60)).resolves.toEqual(CREDENTIAL)
    expect(progress).toContain('cannot reach it; trying again')
  })

  test.each([
    ['access_denied', EXIT.refused],
    ['expired_token', EXIT.refused],
    ['invalid_grant', EXIT.refused],
  ])('%s while waiting is final', async (error, exitCode) => {
    const { deps, requests } = broker([WAIT, { status: 400, body: { error } }])
    await expect(exchange(deps, WANTED, 60)).rejects.toMatchObject({ exitCode, code: error })
    expect(requests).toHaveLength(2)
  })

  test('an assertion that serves once only is told with what to do', async () => {
    const { deps } = broker([WAIT, { status: 400, body: { error: 'invalid_request' } }])
    await expect(exchange(deps, WANTED, 60)).rejects.toMatchObject({
      remedy: expect.stringContaining('fresh assertion'),
    })
  })

  test('a refusal at once, and an answer of another shape', async () => {
    await expect(
      exchange(broker([{ status: 400, body: { error: 'invalid_scope' } }]).deps, WANTED, 60),
    ).rejects.toMatchObject({
      exitCode: EXIT.refused,
    })
    await expect(exchange(broker([{ status: 200, body: { access_token: 'x' } }]).deps, WANTED)).rejects.toMatchObject({
      exitCode: EXIT.fault,
    })
  })
})
