import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const ORGANIZATION = 'f6a1ee54-2d5b-4a3c-8b7e-6a9c0d1e2f30'
const PROJECT = '1a0c6b52-7f0d-4e5a-9a3b-3c2d1e0f9a8b'
const USER = '9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d'
const ORIGIN = 'github.com/octo-org/octo-repo'

let proof: Proof
beforeAll(async () => {
  proof = await provePreset('circleci', `https://oidc.circleci.com/org/${ORGANIZATION}`)
})

const job = {
  sub: `org/${ORGANIZATION}/project/${PROJECT}/user/${USER}`,
  'oidc.circleci.com/project-id': PROJECT,
  'oidc.circleci.com/context-ids': ['a74579f1-2e7d-451e-b009-5c082ad2729e'],
  'oidc.circleci.com/vcs-origin': ORIGIN,
  'oidc.circleci.com/vcs-ref': 'refs/heads/main',
  'oidc.circleci.com/ssh-rerun': false,
}

describe('circleci, by "Format of the OpenID Connect ID token"', () => {
  test('a job', async () => {
    const workload = await proof.workload(job)
    expect(workload).toMatchObject({
      anchor: { claim: 'oidc.circleci.com/project-id', value: PROJECT },
      sealed: {},
      startedBy: { id: USER },
      spiffeId: `spiffe://errand.example.com/source/${PROJECT}/github.com_2focto-org_2focto-repo`,
      delegateClaims: {
        'oidc.circleci.com/project-id': PROJECT,
        'oidc.circleci.com/vcs-origin': ORIGIN,
        'oidc.circleci.com/vcs-ref': 'refs/heads/main',
        'oidc.circleci.com/ssh-rerun': 'false',
      },
      description: `${ORIGIN} on refs/heads/main`,
      assertion: { reuse: 'task' },
    })
    expect(workload).not.toHaveProperty('reference')
  })

  test('the second version of the token is the same workload, started by the same person', async () => {
    const { startedBy, spiffeId } = await proof.workload(job)
    const second = await proof.workload({ ...job, sub: `${job.sub}/vcs-origin/${ORIGIN}/vcs-ref/refs/heads/main` })
    expect(second).toMatchObject({ startedBy, spiffeId })
  })

  test('"OIDC in open source projects": the build of a fork is another workload', async () => {
    const fork = await proof.workload({ ...job, 'oidc.circleci.com/vcs-origin': 'github.com/mallory/octo-repo' })
    const own = await proof.workload(job)
    expect(fork.anchor).toEqual(own.anchor)
    expect(fork.spiffeId).not.toBe(own.spiffeId)
    expect(fork.delegateClaims).toMatchObject({ 'oidc.circleci.com/vcs-origin': 'github.com/mallory/octo-repo' })
  })

  test('a custom webhook has no origin and no ref', async () => {
    const { 'oidc.circleci.com/vcs-origin': _origin, 'oidc.circleci.com/vcs-ref': _ref, ...webhook } = job
    expect(await proof.workload(webhook)).toMatchObject({
      spiffeId: `spiffe://errand.example.com/source/${PROJECT}/__`,
      delegateClaims: { 'oidc.circleci.com/project-id': PROJECT, 'oidc.circleci.com/ssh-rerun': 'false' },
      description: 'a project on no ref',
    })
  })

  test('a re-run with a shell says so, to approvers and in the delegate', async () => {
    expect(await proof.workload({ ...job, 'oidc.circleci.com/ssh-rerun': true })).toMatchObject({
      delegateClaims: { 'oidc.circleci.com/ssh-rerun': 'true' },
      description: `${ORIGIN} on refs/heads/main, with a shell`,
    })
  })

  test.each([
    ['an empty user', `org/${ORGANIZATION}/project/${PROJECT}/user/`],
    ['no user', `org/${ORGANIZATION}/project/${PROJECT}`],
    ['a user that is no id', `org/${ORGANIZATION}/project/${PROJECT}/user/alice`],
    ['a user within the ref', `org/${ORGANIZATION}/project/${PROJECT}/vcs-ref/user/${USER}`],
    ['something before', `x/org/${ORGANIZATION}/project/${PROJECT}/user/${USER}`],
    ['something else after', `org/${ORGANIZATION}/project/${PROJECT}/user/${USER}/user/${PROJECT}`],
  ])('the starter is unknown, not nobody, with %s in sub', async (_name, sub) => {
    expect((await proof.workload({ ...job, sub })).startedBy).toBe('unknown')
  })

  test('without the project it is refused', async () => {
    expect(await proof.refusal({ ...job, 'oidc.circleci.com/project-id': undefined })).toMatchObject({
      reason: 'assertion_claim_missing',
      claim: 'oidc.circleci.com/project-id',
    })
  })

  test.each([[['x']], [{}], ['']])('a project that is %j is refused', async (value) => {
    expect(await proof.refusal({ ...job, 'oidc.circleci.com/project-id': value })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
    })
  })

  test('an origin that is no text is refused: left out, it would widen the delegate', async () => {
    expect(await proof.refusal({ ...job, 'oidc.circleci.com/vcs-origin': [ORIGIN] })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim: 'oidc.circleci.com/vcs-origin',
    })
  })
})
