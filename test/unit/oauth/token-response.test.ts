import { describe, expect, test } from '@jest/globals'
import { statusOf, type OAuthErrorCode } from '../../../src/oauth/error.js'
import { errorAnswer, okAnswer } from '../../../src/oauth/token-response.js'

describe('RFC 6749 §5: answers of an OAuth endpoint', () => {
  test('a success is 200, and nobody on the way keeps it', () => {
    expect(okAnswer({ access_token: 'x' })).toEqual({
      status: 200,
      headers: { 'Cache-Control': 'no-store', Pragma: 'no-cache' },
      body: { access_token: 'x' },
    })
  })

  test.each<[OAuthErrorCode, number]>([
    ['invalid_request', 400],
    ['invalid_client', 401],
    ['invalid_grant', 400],
    ['unauthorized_client', 400],
    ['unsupported_grant_type', 400],
    ['invalid_scope', 400],
    ['invalid_target', 400],
    ['invalid_authorization_details', 400],
    ['invalid_dpop_proof', 400],
    ['use_dpop_nonce', 400],
    ['authorization_pending', 400],
    ['slow_down', 400],
    ['expired_token', 400],
    ['access_denied', 400],
    ['temporarily_unavailable', 503],
    ['server_error', 500],
  ])('%s is %i', (code, status) => {
    expect(statusOf(code)).toBe(status)
    expect(errorAnswer({ error: code, description: 'why' })).toEqual({
      status,
      headers: { 'Cache-Control': 'no-store', Pragma: 'no-cache' },
      body: { error: code, error_description: 'why' },
    })
  })

  test('an outage and a limit say when to try again; a limit has the status of its own', () => {
    const answer = errorAnswer({ error: 'temporarily_unavailable', description: 'later', retryAfter: 7, status: 429 })
    expect(answer).toMatchObject({ status: 429, headers: { 'Retry-After': '7', 'Cache-Control': 'no-store' } })
  })

  test('further members stand beside the code', () => {
    const { body } = errorAnswer({ error: 'invalid_request', description: 'several', members: { grant_ids: ['gr_1'] } })
    expect(body).toEqual({ error: 'invalid_request', error_description: 'several', grant_ids: ['gr_1'] })
  })
})
