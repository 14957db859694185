import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Answer } from '../../support/broker.js'
import { DEPLOY, deferredForm, startBroker, type TestBroker } from '../../support/broker.js'
import { turnableClock } from '../../support/clock.js'
import { startIssuer, type TestIssuer } from '../../support/issuer.js'

describe('contract §3, same_person: one human over all accounts, across people issuers', () => {
  const clock = turnableClock()
  let corp: TestIssuer
  let home: TestIssuer
  let ci: TestIssuer
  let broker: TestBroker
  beforeAll(async () => {
    ;[corp, home, ci] = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
    const people = (name: string, { url }: TestIssuer) => ({
      name,
      issuer: url,
      audiences: ['errand'],
      same_person: 'email',
      links: { ci: 'ci_id' },
    })
    broker = await startBroker({
      clock,
      config: {
        people: [people('corp', corp), people('home', home)],
        roles: { approver: ['corp/platform', 'home/helpers'], operator: ['corp/operators'], auditor: ['corp/audit'] },
        workloads: [
          {
            name: 'ci',
            preset: 'generic',
            issuer: ci.url,
            audiences: ['errand'],
            owner: 'corp/platform',
            mapping: { anchor: 'repository_id', sealed: ['run_id'], started_by: 'actor_id' },
          },
        ],
        resources: [{ audience: DEPLOY, scopes: { 'deploy:production': 'two' } }],
        tiers: {
          two: {
            approval: [
              { group: 'corp/platform', count: 1 },
              { group: 'home/helpers', count: 1 },
            ],
            signed: false,
          },
        },
      },
    })
  })
  afterAll(async () => {
    await broker.stop()
    await Promise.all([corp, home, ci].map((issuer) => issuer.stop()))
  })

  const person = (at: TestIssuer, sub: string, claims: Record<string, unknown>) =>
    at.sign({
      sub,
      aud: 'errand',
      iat: clock.now(),
      exp: clock.now() + 300,
      auth_time: clock.now(),
      groups: at === corp ? ['platform'] : ['helpers'],
      ci_id: `${sub}-at-ci`,
      email_verified: true,
      ...claims,
    })
  let runs = 0
  async function pending(): Promise<string> {
    const times = { iat: clock.now(), exp: clock.now() + 300 }
    const own = { repository_id: '74', run_id: `r${++runs}`, actor_id: '5' }
    const assertion = await ci.sign({ sub: 'x', aud: 'errand', jti: `j${runs}`, ...times, ...own })
    return String((await broker.post('/token', deferredForm(assertion))).body['grant_id'])
  }
  async function approve(id: string, token: string): Promise<Answer> {
    const { body } = await broker.call('GET', `/grants/${id}`, token)
    return broker.call('POST', `/grants/${id}/reviews`, token, { decision: 'approve', digest: body['digest'] })
  }
  const typeOf = ({ status, body }: Answer) => `${status} ${String(body['type']).split(':').at(-1) ?? ''}`
  const ann = (more = {}) => person(corp, 'ann', { email: 'ann@example.com', ...more })

  test('two accounts of one human count once', async () => {
    const id = await pending()
    expect((await approve(id, await ann())).body['status']).toBe('pending')
    expect(typeOf(await approve(id, await person(home, 'annie', { email: 'ann@example.com' })))).toBe(
      '409 already_reviewed',
    )
    expect((await approve(id, await person(home, 'bob', { email: 'bob@example.com' }))).body['status']).toBe('active')
  })

  test.each([
    ['without the claim', { email: undefined }],
    ['with an address that nobody has verified', { email_verified: false }],
    ['with an address of which nothing is said', { email_verified: undefined }],
    ['with an address that is verified in words', { email_verified: 'true' }],
  ])('an account %s does not approve', async (_, claims) => {
    expect(typeOf(await approve(await pending(), await ann(claims)))).toBe('403 person_ambiguous')
  })

  test('and it asks for no grant: nobody could be told apart from who asked', async () => {
    const body = {
      delegate: { issuer: ci.url, claims: { repository_id: '74' } },
      access: [{ audience: DEPLOY, scope: 'deploy:production' }],
      purpose: 'why',
    }
    expect(typeOf(await broker.call('POST', '/grants', await ann({ email: undefined }), body))).toBe(
      '403 person_ambiguous',
    )
    const asked = await broker.call('POST', '/grants', await ann(), body)
    expect(asked.status).toBe(201)
    const otherAccount = await person(home, 'annie', { email: 'ann@example.com' })
    expect(typeOf(await approve(String(asked.body['id']), otherAccount))).toBe('403 is_requester')
  })

  test('a group of one issuer is no group of another', async () => {
    const id = await pending()
    const posing = await person(home, 'eve', { email: 'eve@example.com', groups: ['platform', 'corp/platform'] })
    expect((await broker.call('GET', `/grants/${id}`, posing)).status).toBe(404)
    const digest = (await broker.call('GET', `/grants/${id}`, await ann())).body['digest']
    expect((await broker.call('POST', `/grants/${id}/reviews`, posing, { decision: 'approve', digest })).status).toBe(
      403,
    )
  })
})
