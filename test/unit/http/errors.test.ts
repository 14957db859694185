import { describe, expect, test } from '@jest/globals'
import {
  faultAnswer,
  oauthErrorSchema,
  problemSchema,
  refusalAnswer,
  type HttpRefusal,
} from '../../../src/http/errors.js'
import { Fault, type FaultCode } from '../../../src/runtime/fault.js'

const refusals: readonly [HttpRefusal, number, number][] = [
  [{ reason: 'not_found' }, 404, 404],
  [{ reason: 'method_not_allowed', allow: ['GET'] }, 405, 405],
  [{ reason: 'body_too_large', limit: 1 }, 413, 413],
  [{ reason: 'body_too_slow' }, 408, 408],
  [{ reason: 'headers_too_large' }, 431, 431],
  [{ reason: 'media_type_not_accepted', expected: 'a/b' }, 415, 400],
  [{ reason: 'not_utf8' }, 400, 400],
  [{ reason: 'malformed_json', detail: 'd' }, 400, 400],
  [{ reason: 'malformed_request', detail: 'd' }, 400, 400],
  [{ reason: 'invalid_members', errors: [] }, 400, 400],
  [{ reason: 'too_fast', retryAfter: 7 }, 429, 429],
]

describe('the one error writer', () => {
  test.each(refusals)('%j has both forms, never stored', (refusal, asProblem, asOauth) => {
    const problem = refusalAnswer(refusal, 'problem')
    expect(problem).toMatchObject({
      status: asProblem,
      headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' },
    })
    expect(problemSchema.parse(problem.body)).toMatchObject({
      type: `urn:errand:problem:${refusal.reason}`,
      status: asProblem,
    })
    const oauth = refusalAnswer(refusal, 'oauth')
    expect(oauth).toMatchObject({ status: asOauth, headers: { 'Cache-Control': 'no-store' } })
    oauthErrorSchema.parse(oauth.body)
    const retry = refusal.reason === 'too_fast' ? '7' : undefined
    expect([problem.headers?.['Retry-After'], oauth.headers?.['Retry-After']]).toEqual([retry, retry])
  })

  const faults: readonly [FaultCode, number][] = [
    ['store_unavailable', 503],
    ['key_unavailable', 503],
    ['issuer_unavailable', 503],
    ['contended', 503],
    ['record_tampered', 500],
  ]
  test.each(faults)('%s is %i: an outage says when to try again, anything else is our fault', (code, status) => {
    for (const style of ['oauth', 'problem'] as const) {
      const answer = faultAnswer(new Fault(code, 'inner words'), style, 'request-1')
      expect(answer.status).toBe(status)
      expect(answer.headers?.['Retry-After']).toBe(status === 503 ? '5' : undefined)
      expect(JSON.stringify(answer)).not.toContain('inner words')
      expect(answer.body).toMatchObject({ request_id: 'request-1' })
    }
  })

  test('what is thrown that is no error of ours is 500', () => {
    for (const thrown of [new Error('x'), 'x', undefined, null])
      expect(faultAnswer(thrown, 'oauth', 'r').status).toBe(500)
  })
})
