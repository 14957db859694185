import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { freePort } from '../../harness/kit/free-port.mjs'
import { deferredForm, pollForm, startBroker, type TestBroker } from '../../support/broker.js'
import { runOutside, startOutside, type OutsideProgram } from '../../support/outside.js'

const REDIRECT = 'http://127.0.0.1/signed-in'
let issuer: OutsideProgram
let issuerUrl: string
let broker: TestBroker

beforeAll(async () => {
  const port = await freePort()
  issuer = startOutside('people-issuer', {
    port,
    clientId: 'errand',
    redirectUri: REDIRECT,
    people: {
      ann: { groups: ['platform'], ci_id: '7' },
      bob: { groups: ['marketing'], ci_id: '8' },
      eve: { groups: ['platform'], ci_id: '5' },
    },
  })
  issuerUrl = String((await issuer.next())['issuer'])
  broker = await startBroker({
    config: {
      people: [
        {
          name: 'corp',
          issuer: issuerUrl,
          audiences: ['errand'],
          groups_claim: 'groups',
          links: { ci: 'ci_id' },
          require: { max_age: '15m' },
        },
      ],
    },
  })
})
afterAll(async () => {
  await broker.stop()
  await issuer.stop()
})

/** The ID token of a real sign-in. */
async function signIn(login: string): Promise<string> {
  const about = { issuer: issuerUrl, clientId: 'errand', redirectUri: REDIRECT, login, maxAge: 300 }
  const { id_token, claims } = await runOutside('sign-in', about)
  expect(claims).toMatchObject({ sub: login, aud: 'errand', auth_time: expect.any(Number) })
  return String(id_token)
}

async function ask(run: string): Promise<{ id: string; code: string; digest: string }> {
  const asked = await broker.post('/token', deferredForm(await broker.assertion({ run_id: run })))
  expect(asked).toMatchObject({ status: 400, body: { error: 'authorization_pending' } })
  const id = String(asked.body['grant_id'])
  const { body } = await broker.call('GET', `/grants/${id}`, await signIn('ann'))
  return { id, code: String(asked.body['deferral_code']), digest: String(body['digest']) }
}

describe('oidc-provider is the people’s issuer', () => {
  test('a person signs in there with the authorization code flow, and approves what a run waits for', async () => {
    const { id, code, digest } = await ask('run-1')
    const review = { decision: 'approve', digest, reason: 'release 4.2' }
    const reviewed = await broker.call('POST', `/grants/${id}/reviews`, await signIn('ann'), review)
    expect(reviewed).toMatchObject({
      status: 201,
      body: { status: 'active', reviews: [{ by: 'corp:ann', group: 'platform', decision: 'approve' }] },
    })
    const issued = await broker.post('/token', pollForm(code, await broker.assertion({ run_id: 'run-1' })))
    expect(issued).toMatchObject({ status: 200, body: { grant_id: id, scope: 'deploy:production' } })
  })

  test('a person who has no role, and the one who started the run, approve nothing', async () => {
    const { id, digest } = await ask('run-2')
    const review = { decision: 'approve', digest }
    const bob = await broker.call('POST', `/grants/${id}/reviews`, await signIn('bob'), review)
    expect(bob).toMatchObject({ status: 403, body: { type: 'urn:errand:problem:forbidden' } })
    const eve = await broker.call('POST', `/grants/${id}/reviews`, await signIn('eve'), review)
    expect(eve).toMatchObject({ status: 403, body: { type: 'urn:errand:problem:started_the_run' } })
    const { body } = await broker.call('GET', `/grants/${id}`, await signIn('ann'))
    expect(body).toMatchObject({ status: 'pending', reviews: [] })
  })

  test('an ID token whose claims were changed on the way proves nobody', async () => {
    const [header = '', payload = '', signature = ''] = (await signIn('ann')).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const other = Buffer.from(JSON.stringify({ ...claims, groups: ['audit'] })).toString('base64url')
    const read = await broker.call('GET', '/grants', `${header}.${other}.${signature}`)
    expect(read).toMatchObject({ status: 401, body: { type: 'urn:errand:problem:invalid_token' } })
  })
})
