import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { OidcPeopleSource } from '../../../src/people/source.js'
import { createPersonVerifier } from '../../../src/people/verify-person.js'
import { boundedFetch } from '../../../src/runtime/bounded-fetch.js'
import { createIssuerKeys } from '../../../src/workloads/issuer-keys.js'
import { createWorkloadVerifier } from '../../../src/workloads/verify-workload.js'
import { TEST_EPOCH, turnableClock } from '../../support/clock.js'
import type { TestIssuer } from '../../support/issuer.js'
import { startIssuer } from '../../support/issuer.js'

const NOW = TEST_EPOCH
const BROKER = 'https://errand.example.com'

describe('one real issuer that serves machines and people', () => {
  const clock = turnableClock()
  let issuer: TestIssuer
  beforeAll(async () => {
    issuer = await startIssuer()
  })
  afterAll(async () => {
    await issuer.stop()
  })

  const sourceOf = (url: string): OidcPeopleSource => ({
    kind: 'oidc',
    name: 'corp',
    issuer: url,
    audiences: ['people'],
    algorithms: ['ES256'],
    groupsClaim: 'groups',
    links: {},
    requirement: {},
    leeway: 30,
    keys: {},
  })

  test('each token is of one kind, the keys are fetched once for both, and an outage is told from a refusal', async () => {
    const keys = createIssuerKeys({ fetch: boundedFetch, clock })
    const verifyPerson = createPersonVerifier({
      sources: [sourceOf(issuer.url)],
      roles: { approver: ['platform'], operator: [], auditor: [] },
      clock,
      keys,
      ownIssuer: BROKER,
      workloadAudiences: new Map([[issuer.url, ['machines']]]),
    })
    const verifyWorkload = createWorkloadVerifier({
      sources: [
        {
          name: 'agents',
          preset: 'generic',
          issuer: issuer.url,
          audiences: ['machines'],
          require: {},
          owner: 'platform',
          reuse: 'once',
          algorithms: ['ES256'],
          leeway: 30,
          keys: {},
          mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
        },
      ],
      trustDomain: 'errand.example.com',
      ownIssuer: BROKER,
      clock,
      keys,
      peopleAudiences: new Map([[issuer.url, ['people']]]),
    })
    const claims = { sub: 'x', exp: NOW + 9999, iat: NOW, auth_time: NOW, groups: ['platform'] }
    const machine = await issuer.sign({ ...claims, aud: 'machines' })
    const person = await issuer.sign({ ...claims, aud: 'people' })

    expect(await verifyPerson(person)).toMatchObject({ ok: true, value: { id: 'corp:x', roles: ['approver'] } })
    expect((await verifyPerson(machine)).ok).toBe(false)
    expect((await verifyWorkload(machine)).ok).toBe(true)
    expect((await verifyWorkload(person)).ok).toBe(false)
    expect(issuer.fetches).toEqual({ discovery: 1, jwks: 1 })

    issuer.behave({ kind: 'down' })
    clock.advance(3600)
    const later = await issuer.sign({ ...claims, aud: 'people' })
    expect(await verifyPerson(later)).toMatchObject({ refusal: { reason: 'person_issuer_unavailable' } })
  })
})
