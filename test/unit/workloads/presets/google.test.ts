import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const ISSUER = 'https://accounts.google.com'
const ACCOUNT = '107517467455664443766'

let google: Proof
let compute: Proof
beforeAll(async () => {
  google = await provePreset('google', ISSUER)
  compute = await provePreset('google-compute', ISSUER)
})

const account = {
  sub: ACCOUNT,
  azp: ACCOUNT,
  email: 'deployer@octo-project.iam.gserviceaccount.com',
  email_verified: true,
}

const instance = {
  ...account,
  google: {
    compute_engine: {
      instance_creation_timestamp: 1496953245,
      instance_id: '152986662232938449',
      instance_name: 'example-vm',
      project_id: 'octo-project',
      project_number: 739419398126,
      zone: 'us-west1-a',
    },
  },
}

const withEngine = (changes: Record<string, unknown>): Record<string, unknown> => ({
  ...instance,
  google: { compute_engine: { ...instance.google.compute_engine, ...changes } },
})

describe('google, by "Token contents" of identity tokens', () => {
  test('a service account', async () => {
    const workload = await google.workload(account)
    expect(workload).toMatchObject({
      anchor: { claim: 'sub', value: ACCOUNT },
      sealed: {},
      spiffeId: `spiffe://errand.example.com/source/${ACCOUNT}`,
      delegateClaims: { sub: ACCOUNT },
      description: 'service account deployer@octo-project.iam.gserviceaccount.com',
      assertion: { reuse: 'until_expiry' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload).not.toHaveProperty('reference')
  })

  test('format=standard has no address in it', async () => {
    expect((await google.workload({ sub: ACCOUNT, azp: ACCOUNT })).description).toBe(`service account ${ACCOUNT}`)
  })

  test('an account that was made again under the same address is another workload', async () => {
    const again = await google.workload({ ...account, sub: '117517467455664443766' })
    expect(again.spiffeId).not.toBe((await google.workload(account)).spiffeId)
  })

  test.each([
    ['the address of a person', 'email', { email: 'somebody@example.com' }],
    ['an address that only looks like an account', 'email', { email: 'x@gserviceaccount.com.example.com' }],
    ['the domain of a company, which only people have', 'hd', { hd: 'example.com' }],
  ])('%s is refused: the same issuer signs for people', async (_name, claim, changes) => {
    const refused = { reason: 'assertion_claim_not_accepted', claim }
    expect(await google.refusal({ ...account, ...changes })).toMatchObject(refused)
    expect(await compute.refusal({ ...instance, ...changes })).toMatchObject(refused)
  })
})

describe('google-compute, by "Token contents" of instance identity tokens', () => {
  test('an instance', async () => {
    expect(await compute.workload(instance)).toMatchObject({
      anchor: { claim: 'sub', value: ACCOUNT },
      sealed: { '/google/compute_engine/instance_id': '152986662232938449' },
      spiffeId: `spiffe://errand.example.com/source/${ACCOUNT}/739419398126`,
      delegateClaims: { sub: ACCOUNT, '/google/compute_engine/project_number': '739419398126' },
      description: 'instance example-vm in us-west1-a as deployer@octo-project.iam.gserviceaccount.com',
      reference:
        'https://console.cloud.google.com/compute/instancesDetail/zones/us-west1-a/instances/example-vm?project=octo-project',
      assertion: { reuse: 'once' },
    })
  })

  test('an instance that was made again under the same name is another run of the same workload', async () => {
    const first = await compute.workload(instance)
    const again = await compute.workload(withEngine({ instance_id: '252986662232938449' }))
    expect(again.spiffeId).toBe(first.spiffeId)
    expect(again.sealed).not.toEqual(first.sealed)
  })

  test('format=standard, which names no instance, is refused', async () => {
    expect(await compute.refusal(account)).toMatchObject({
      reason: 'assertion_claim_missing',
      claim: '/google/compute_engine/instance_id',
    })
  })

  test.each([
    ['a number that has lost digits', { instance_id: 2 ** 60 }],
    ['an object', { instance_id: {} }],
    ['an empty text', { instance_id: '' }],
  ])('an instance id that is %s is refused', async (_name, changes) => {
    expect(await compute.refusal(withEngine(changes))).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim: '/google/compute_engine/instance_id',
    })
  })

  test('what a project calls itself makes no link elsewhere', async () => {
    expect(await compute.workload(withEngine({ instance_name: '../../x?y=1' }))).not.toHaveProperty('reference')
    expect(await compute.workload(withEngine({ project_id: 'a&b=c' }))).not.toHaveProperty('reference')
  })
})
