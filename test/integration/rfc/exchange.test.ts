import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import {
  ACCESS_TOKEN,
  agentId,
  CLIENT_ASSERTION_TYPE,
  DEPLOY,
  errorOf,
  exchangeForm,
  JWT,
  openStage,
  OTHER,
  TICKET,
  type Run,
  type Stage,
} from '../exchange/stage.js'

/** What the exchange owes to its standards, clause by clause: docs/rfc-compliance.md names them. */
const EMBEDDED = { name: 'the embedded store', open: () => Promise.resolve({ close: () => Promise.resolve() }) }

let stage: Stage
beforeAll(async () => {
  stage = await openStage(EMBEDDED)
})
afterAll(() => stage.stop())

const refused = async (run: Run, form: Readonly<Record<string, string>>) =>
  errorOf(await stage.token(exchangeForm(await run.assertion(), form)))

describe('RFC 8693: token exchange', () => {
  test.each(['subject_token', 'subject_token_type'])('RFC 8693 §2.1: %s is required', async (name) => {
    expect(await refused(stage.newRun(), { [name]: '' })).toBe('invalid_request')
  })

  test('RFC 8693 §2.1: actor_token_type comes with actor_token, and never without', async () => {
    const actor = await stage.agent('planner')
    expect(await refused(stage.newRun(), { actor_token: actor })).toBe('invalid_request')
    expect(await refused(stage.newRun(), { actor_token_type: JWT })).toBe('invalid_request')
  })

  test('RFC 8693 §2.1: a type of token that is not issued here is invalid_request', async () => {
    const saml2 = 'urn:ietf:params:oauth:token-type:saml2'
    expect(await refused(stage.newRun(), { requested_token_type: saml2 })).toBe('invalid_request')
    expect(await refused(stage.newRun(), { subject_token_type: saml2 })).toBe('invalid_request')
  })

  test.each([
    ['nothing', {}, ACCESS_TOKEN],
    ['an access token', { requested_token_type: ACCESS_TOKEN }, ACCESS_TOKEN],
    ['a JWT', { requested_token_type: JWT }, JWT],
  ] as const)('RFC 8693 §2.2.1: who asks for %s is told what was issued', async (_, form, issued) => {
    const answer = await stage.token(exchangeForm(await stage.newRun().assertion(), form))
    expect(answer).toMatchObject({
      status: 200,
      body: { issued_token_type: issued, token_type: 'Bearer', expires_in: 600, scope: 'deploy:staging' },
    })
    expect(answer.body).not.toHaveProperty('refresh_token')
  })

  test('RFC 8693 §2.2.2: a target that is not served is invalid_target, a bad token is invalid_request', async () => {
    expect(await refused(stage.newRun(), { audience: 'https://else.example.com' })).toBe('invalid_target')
    expect(await refused(stage.newRun(), { subject_token: 'x' })).toBe('invalid_request')
  })
})

describe('RFC 8693: handing on', () => {
  let parent: { readonly run: Run; readonly token: string; readonly sub: string }
  const helper = 'helper'

  beforeAll(async () => {
    const run = stage.newRun()
    await stage.window({
      delegate: { issuer: decodeJwt(await run.assertion()).iss, claims: { repository_id: '74' } },
      task: { max_tasks: 5 },
      delegation: { to: [agentId(helper)], max_depth: 1, max_children: 3 },
    })
    const answer = await stage.token(exchangeForm(await run.assertion(), { scope: 'deploy:production' }))
    expect(answer).toMatchObject({ status: 200 })
    const token = String(answer.body['access_token'])
    parent = { run, token, sub: String(decodeJwt(token).sub) }
  })

  const ticket = async () =>
    stage.token({
      ...exchangeForm(parent.token, { scope: 'deploy:production' }),
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: TICKET,
      actor: agentId(helper),
      client_assertion: await parent.run.assertion(),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
    })
  const redeem = async (token: string, actor = helper) =>
    stage.token({
      ...exchangeForm(token, { scope: 'deploy:production' }),
      subject_token_type: TICKET,
      actor_token: await stage.agent(actor),
      actor_token_type: JWT,
    })

  test('RFC 8693 §2.2.1 and §4.4: a ticket is no access token (N_A), and names in may_act who may act', async () => {
    const answer = await ticket()
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'N_A', issued_token_type: TICKET } })
    expect(decodeJwt(String(answer.body['access_token']))).toMatchObject({
      aud: stage.broker.url,
      may_act: { sub: agentId(helper) },
    })
  })

  test('RFC 8693 §4.1: act names who acts now, outermost, and then who handed it on; sub stays who was approved', async () => {
    const answer = await redeem(String((await ticket()).body['access_token']))
    expect(answer).toMatchObject({ status: 200 })
    expect(decodeJwt(String(answer.body['access_token']))).toMatchObject({
      sub: parent.sub,
      client_id: agentId(helper),
      act: { sub: agentId(helper), act: { sub: parent.sub } },
    })
  })

  test('RFC 8693 §4.4: somebody whom may_act does not name gets nothing', async () => {
    expect(errorOf(await redeem(String((await ticket()).body['access_token']), 'planner'))).toBe('invalid_request')
  })

  test('RFC 8693 §4.1: an assertion that speaks for somebody else already is not acceptable', async () => {
    const assertion = await stage.newRun().assertion({ act: { sub: 'somebody' } })
    expect(errorOf(await stage.token(exchangeForm(assertion)))).toBe('invalid_request')
  })
})

describe('RFC 8707: resource', () => {
  test('RFC 8707 §2: a resource is a target as an audience is, and becomes the aud', async () => {
    const form = exchangeForm(await stage.newRun().assertion(), { audience: '', resource: DEPLOY })
    const answer = await stage.token(form)
    expect(answer).toMatchObject({ status: 200 })
    expect(decodeJwt(String(answer.body['access_token'])).aud).toBe(DEPLOY)
  })

  test.each([`${DEPLOY}/#fragment`, 'deploy.example.com', 'https://else.example.com'])(
    'RFC 8707 §2: %s is invalid_target',
    async (resource) => {
      expect(await refused(stage.newRun(), { audience: '', resource })).toBe('invalid_target')
    },
  )

  test('RFC 8707 §2: of several targets none is chosen silently', async () => {
    expect(await refused(stage.newRun(), { resource: OTHER })).toBe('invalid_target')
  })
})

describe('RFC 9396: authorization_details', () => {
  const query = (more: object = {}) => JSON.stringify([{ type: 'database_query', tables: ['orders'], ...more }])

  test.each([
    ['§2: an element without a type', '[{}]'],
    ['§2: no array', '{"type":"database_query"}'],
    ['§2: no JSON', 'database_query'],
    ['§5: an unknown type', '[{"type":"payment_initiation"}]'],
    ['§5: an unknown member', query({ everything: true })],
    ['§5: a member of another type', query({ limit: 'many' })],
    ['§5: a member that is missing', '[{"type":"database_query"}]'],
  ])('RFC 9396 %s is invalid_authorization_details', async (_, authorization_details) => {
    expect(await refused(stage.newRun(), { scope: '', authorization_details })).toBe('invalid_authorization_details')
  })

  test('RFC 9396 §7 and §9.1: what was granted stands in the answer and in the JWT', async () => {
    const run = stage.newRun()
    const details = { scope: '', authorization_details: query() }
    const issued = await stage.granted(run, details)
    const granted = [{ type: 'database_query', tables: ['orders'] }]
    expect(issued.answer.body['authorization_details']).toEqual(granted)
    expect(issued.claims['authorization_details']).toEqual(granted)
    expect((await stage.introspect(issued.token)).body['authorization_details']).toEqual(granted)
  })

  test('RFC 9396 §10: the types that are understood stand in the metadata', async () => {
    const answer = await fetch(`${stage.broker.url}/.well-known/oauth-authorization-server`)
    expect(await answer.json()).toMatchObject({ authorization_details_types_supported: ['database_query'] })
  })
})

describe('RFC 9068: the credential', () => {
  test('RFC 9068 §2.1: it is a signed JWT whose typ is at+jwt', async () => {
    const { token } = await stage.ruled(stage.newRun())
    expect(decodeProtectedHeader(token)).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: expect.any(String) })
  })

  test('RFC 9068 §2.2: the required claims are there: iss, exp, aud, sub, client_id, iat, jti', async () => {
    const { claims } = await stage.ruled(stage.newRun())
    const { iss, exp, aud, sub, client_id, iat, jti } = claims
    expect({ iss, aud }).toEqual({ iss: stage.broker.url, aud: DEPLOY })
    expect({ sub, client_id }).toEqual({ sub: client_id, client_id: sub })
    expect([exp, iat].every(Number.isSafeInteger)).toBe(true)
    expect(jti).toMatch(/^cr_[0-9a-f]{34}$/)
  })

  test('RFC 9068 §2.2.3: the scope is what was granted', async () => {
    const { claims } = await stage.ruled(stage.newRun(), { scope: 'deploy:staging deploy:logs' })
    expect(claims['scope']).toBe('deploy:logs deploy:staging')
  })

  test('RFC 9068 §4: a resource server verifies it with the keys of the metadata', async () => {
    const { token } = await stage.ruled(stage.newRun())
    const metadata = (await (await fetch(`${stage.broker.url}/.well-known/oauth-authorization-server`)).json()) as {
      jwks_uri: string
      issuer: string
    }
    const options = { issuer: metadata.issuer, audience: DEPLOY, typ: 'at+jwt', currentDate: now() }
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))
    expect((await jwtVerify(token, keys, options)).payload.aud).toBe(DEPLOY)
    await expect(jwtVerify(token, keys, { ...options, audience: OTHER })).rejects.toThrow()
  })

  const now = () => new Date(stage.clock.now() * 1000)
})

describe('RFC 7523: the assertion as client authentication', () => {
  test('RFC 7523 §2.2: client_credentials with a client_assertion is an exchange', async () => {
    const form = {
      grant_type: 'client_credentials',
      client_assertion: await stage.newRun().assertion(),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      audience: DEPLOY,
      scope: 'deploy:staging',
    }
    expect(await stage.token(form)).toMatchObject({ status: 200, body: { scope: 'deploy:staging' } })
    expect(errorOf(await stage.token(form))).toMatch(/^invalid_(client 401|request)$/)
  })

  test('RFC 7523 §3.2: one that is not acceptable is invalid_client', async () => {
    const form = {
      grant_type: 'client_credentials',
      client_assertion: await stage.newRun().assertion({ aud: 'https://else.example.com' }),
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      audience: DEPLOY,
      scope: 'deploy:staging',
    }
    expect(errorOf(await stage.token(form))).toBe('invalid_client 401')
  })
})

describe('RFC 9470: step-up', () => {
  test('RFC 9470 §3: a sign-in that is too old for the act is answered with how old it may be', async () => {
    const { grantId } = await stage.deferred(stage.newRun(), { scope: 'deploy:critical' })
    const old = await stage.person('ann', ['platform'], { auth_time: stage.clock.now() - 601 })
    const { body } = await stage.broker.call('GET', `/grants/${grantId}`, await stage.person('ann'))
    const review = { decision: 'approve', digest: body['digest'] }
    const answer = await stage.broker.call('POST', `/grants/${grantId}/reviews`, old, review)
    expect(answer).toMatchObject({ status: 401, body: { max_age: 600 } })
    const challenge = answer.headers.get('www-authenticate')
    expect(challenge).toMatch(/^Bearer error="insufficient_user_authentication"/)
    expect(challenge).toContain('max_age="600"')
    expect(await stage.review(grantId, 'approve')).toMatchObject({ status: 201 })
  })
})
