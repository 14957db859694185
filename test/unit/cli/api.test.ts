import { describe, expect, test } from '@jest/globals'
import { createApi, refusalOf, type ApiAnswer } from '../../../src/cli/api.js'
import { EXIT } from '../../../src/cli/exit-codes.js'

const problem = (status: number, code: string, more: object = {}): ApiAnswer => ({
  status,
  body: { type: `urn:errand:problem:${code}`, title: 'it is not so', status, ...more },
})

describe('what the broker refuses', () => {
  test.each<[string, ApiAnswer, number, string]>([
    [
      'an OAuth error',
      { status: 400, body: { error: 'access_denied', error_description: 'no' } },
      EXIT.refused,
      'access_denied: no',
    ],
    ['a code alone', { status: 400, body: { error: 'access_denied' } }, EXIT.refused, 'access_denied'],
    ['a problem', problem(403, 'forbidden', { detail: 'nor thus' }), EXIT.refused, 'forbidden: it is not so: nor thus'],
    [
      'faults of members',
      problem(400, 'invalid_members', { errors: [{ at: '/purpose', message: 'say why' }] }),
      EXIT.refused,
      'invalid_members: it is not so: /purpose say why',
    ],
    ['a rate limit', { ...problem(429, 'too_fast'), retryAfter: 7 }, EXIT.unavailable, 'too_fast: it is not so'],
    [
      'an outage',
      problem(503, 'temporarily_unavailable', { request_id: 'r1' }),
      EXIT.unavailable,
      'temporarily_unavailable: it is not so (request r1)',
    ],
    [
      'a fault',
      problem(500, 'server_error', { request_id: 'r2' }),
      EXIT.fault,
      'server_error: it is not so (request r2)',
    ],
    ['an answer of somebody else', { status: 404, body: undefined }, EXIT.refused, 'HTTP status 404'],
  ])('%s', (_, answer, exitCode, message) => {
    expect(refusalOf(answer)).toMatchObject({ exitCode, message })
  })

  test.each<[string, ApiAnswer, RegExp]>([
    ['to try again', { status: 429, body: {}, retryAfter: 7 }, /in 7 s/],
    ['how to sign in', problem(401, 'invalid_token'), /--token-file.*--assertion-file/],
    ['to sign in again', problem(401, 'insufficient_user_authentication'), /sign in again/],
    ['to name a group', problem(400, 'group_ambiguous'), /--group/],
    ['about roles', problem(403, 'forbidden'), /role/],
  ])('the remedy says %s', (_, answer, remedy) => {
    expect(refusalOf(answer).remedy).toMatch(remedy)
  })

  test('what it says cannot move the cursor', () => {
    const { message } = refusalOf({ status: 400, body: { error: 'x', error_description: 'a\u001B[2Jb' } })
    expect(message).toBe('x: a[2Jb')
  })
})

test('a broker that is not there is told with its address, and exit code 4', async () => {
  const sent = createApi('http://127.0.0.1:1').send({ method: 'GET', path: '/readyz' })
  await expect(sent).rejects.toMatchObject({
    exitCode: EXIT.unavailable,
    code: 'unreachable',
    message: expect.stringMatching(/^cannot reach http:\/\/127\.0\.0\.1:1: /),
  })
})
