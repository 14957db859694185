import { describe, expect, test } from '@jest/globals'
import { issueRefusal } from '../../../src/exchange/issue-refusal.js'
import { refused } from '../../../src/exchange/outcome.js'
import type { ExchangeRefusal } from '../../../src/exchange/refusal.js'
import { refusalToWire } from '../../../src/exchange/refusal-to-wire.js'
import { renderOutcome } from '../../../src/exchange/render-outcome.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { SHARD } from '../grants/fixtures.js'

const because = { reason: 'assertion_expired', issuer: 'https://ci.example.com' } as const
const id = randomIds.grantId(SHARD)

/** The contract's table: each inner reason, and what the caller is told. */
const TABLE: readonly (readonly [ExchangeRefusal, string, number])[] = [
  [{ reason: 'subject_refused', because }, 'invalid_request', 400],
  [{ reason: 'actor_refused', because }, 'invalid_request', 400],
  [{ reason: 'token_misused', detail: 'x' }, 'invalid_request', 400],
  [{ reason: 'actor_token_unexpected' }, 'invalid_request', 400],
  [{ reason: 'task_missing' }, 'invalid_request', 400],
  [{ reason: 'type_not_issued', type: 'jwt' }, 'invalid_request', 400],
  [
    { reason: 'csr_refused', because: { reason: 'csr_malformed', detail: 'the csr is malformed: it is not DER' } },
    'invalid_request',
    400,
  ],
  [{ reason: 'type_not_granted' }, 'invalid_grant', 400],
  [{ reason: 'assertion_used' }, 'invalid_request', 400],
  [{ reason: 'ticket_used' }, 'invalid_request', 400],
  [{ reason: 'parent_ended' }, 'invalid_request', 400],
  [{ reason: 'grants_several', ids: [id] }, 'invalid_request', 400],
  [{ reason: 'client_refused', because }, 'invalid_client', 401],
  [{ reason: 'client_missing' }, 'invalid_client', 401],
  [{ reason: 'certificate_not_proved' }, 'invalid_client', 401],
  [{ reason: 'client_id_mismatch' }, 'invalid_client', 401],
  [{ reason: 'target_missing' }, 'invalid_target', 400],
  [{ reason: 'target_unknown' }, 'invalid_target', 400],
  [{ reason: 'target_several' }, 'invalid_target', 400],
  [{ reason: 'scope_missing' }, 'invalid_scope', 400],
  [{ reason: 'scope_unknown', scope: 'x' }, 'invalid_scope', 400],
  [{ reason: 'scope_wider' }, 'invalid_scope', 400],
  [{ reason: 'tiers_incompatible' }, 'invalid_scope', 400],
  [{ reason: 'details_type_unknown' }, 'invalid_authorization_details', 400],
  [{ reason: 'details_invalid', detail: 'x' }, 'invalid_authorization_details', 400],
  [{ reason: 'details_wider' }, 'invalid_authorization_details', 400],
  [{ reason: 'run_ended' }, 'access_denied', 400],
  [{ reason: 'not_covered' }, 'access_denied', 400],
  [{ reason: 'policy_denied' }, 'access_denied', 400],
  [{ reason: 'purpose_missing' }, 'access_denied', 400],
  [{ reason: 'deferral_unbound' }, 'access_denied', 400],
  [{ reason: 'cooling_down', until: 1 }, 'access_denied', 400],
  [{ reason: 'denied' }, 'access_denied', 400],
  [{ reason: 'deferral_cancelled' }, 'access_denied', 400],
  [{ reason: 'delegation_not_allowed' }, 'access_denied', 400],
  [{ reason: 'over_children' }, 'access_denied', 400],
  [{ reason: 'grant_not_usable' }, 'invalid_grant', 400],
  [{ reason: 'task_ended' }, 'invalid_grant', 400],
  [{ reason: 'deferral_unknown' }, 'invalid_grant', 400],
  [{ reason: 'deferral_redeemed' }, 'invalid_grant', 400],
  [{ reason: 'deferral_expired' }, 'expired_token', 400],
  [{ reason: 'poll_too_fast' }, 'slow_down', 400],
  [{ reason: 'too_many_pending' }, 'temporarily_unavailable', 429],
  [{ reason: 'too_many_errands' }, 'temporarily_unavailable', 429],
  [{ reason: 'too_fast', retryAfter: 3 }, 'temporarily_unavailable', 429],
]

describe('contract §1: what the caller is told', () => {
  test.each(TABLE.map(([refusal, code, status]) => [refusal.reason, code, status, refusal] as const))(
    '%s: %s %i',
    (_, code, status, refusal) => {
      const answer = renderOutcome(refused(refusal))
      expect([answer.status, answer.body['error']]).toEqual([status, code])
      // RFC 6749 §5.2: what error_description may be written in.
      expect(answer.body['error_description']).toMatch(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/)
      expect(answer.headers['Cache-Control']).toBe('no-store')
    },
  )

  test.each(['subject_refused', 'actor_refused', 'client_refused'] as const)(
    '%s because its issuer does not answer: an outage, with Retry-After',
    (reason) => {
      const outage = { reason: 'assertion_issuer_unavailable', issuer: 'https://ci.example.com' } as const
      const answer = renderOutcome(refused({ reason, because: outage }))
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'Retry-After': '5' },
        body: { error: 'temporarily_unavailable' },
      })
    },
  )

  test('why an assertion is not believed, the caller does not learn', () => {
    const texts = (['assertion_expired', 'assertion_signature_invalid', 'assertion_issuer_unknown'] as const).map(
      (reason) => refusalToWire({ reason: 'subject_refused', because: { reason, issuer: 'https://ci.example.com' } }),
    )
    expect(new Set(texts.map((text) => JSON.stringify(text))).size).toBe(1)
  })

  test('several grants are named', () => {
    expect(renderOutcome(refused({ reason: 'grants_several', ids: [id] })).body['grant_ids']).toEqual([id])
  })

  test.each(['conflict', 'grant_ended', 'over_tasks'] as const)(
    '%s between looking and recording: look again',
    (answer) => {
      expect(issueRefusal({ refused: answer })).toBeUndefined()
    },
  )
})

describe('contract §1, Answer', () => {
  const issued = {
    kind: 'issued',
    credentialId: randomIds.credentialId(SHARD),
    token: 'a.b.c',
    issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
    tokenType: 'Bearer',
    expiresIn: 60,
    scope: 'a',
    authorizationDetails: [],
    grantId: id,
    taskId: randomIds.taskId(SHARD),
    leaseSeconds: 900,
  } as const

  test('a credential', () => {
    expect(renderOutcome(issued)).toMatchObject({
      status: 200,
      body: {
        access_token: 'a.b.c',
        issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_type: 'Bearer',
        expires_in: 60,
        scope: 'a',
        grant_id: id,
        task_id: issued.taskId,
        lease_seconds: 900,
      },
    })
    expect(renderOutcome(issued).body).not.toHaveProperty('authorization_details')
  })

  test('details without scope', () => {
    const { body } = renderOutcome({ ...issued, scope: '', authorizationDetails: [{ type: 'query' }] })
    expect(body['authorization_details']).toEqual([{ type: 'query' }])
    expect(body).not.toHaveProperty('scope')
  })

  test('a ticket is no token for a resource: N_A', () => {
    const answer = renderOutcome({
      kind: 'ticketed',
      ticket: 'a.b.c',
      expiresIn: 60,
      scope: 'a',
      authorizationDetails: [],
      grantId: id,
      taskId: issued.taskId,
    })
    expect(answer.body).toMatchObject({ token_type: 'N_A', issued_token_type: 'urn:errand:token-type:ticket' })
  })

  test('deferred, and pending', () => {
    expect(
      renderOutcome({ kind: 'deferred', deferralCode: 'dc_x', expiresIn: 9, interval: 5, grantId: id }),
    ).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending', deferral_code: 'dc_x', expires_in: 9, interval: 5, grant_id: id },
    })
    expect(Object.keys(renderOutcome({ kind: 'pending' }).body)).toEqual(['error', 'error_description'])
  })
})
