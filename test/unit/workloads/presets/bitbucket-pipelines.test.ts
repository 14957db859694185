import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const REPOSITORY = '{437da666-7aab-4b60-a947-ec542536ca0d}'
const PIPELINE = '{c0ffee00-974f-432a-8d42-183fad107439}'
const STEP = '{03baea80-974f-432a-8d42-183fad107439}'
const ENVIRONMENT = '{5e55e3d5-1d0e-4b6e-9f2f-0f6f8c2a7b11}'

let proof: Proof
beforeAll(async () => {
  proof = await provePreset(
    'bitbucket-pipelines',
    'https://api.bitbucket.org/2.0/workspaces/octo-space/pipelines-config/identity/oidc',
  )
})

const step = {
  sub: `${REPOSITORY}:${STEP}`,
  accountUuid: '{9c1e2b7a-0f5c-4e57-8a53-6a6f6f1f2d01}',
  workspaceUuid: '{8a1fdada-cbc0-452c-81ce-07534945e18b}',
  repositoryUuid: REPOSITORY,
  pipelineUuid: PIPELINE,
  stepUuid: STEP,
  branchName: 'main',
}

describe('bitbucket-pipelines, by "Retrieve unique identifiers and claims"', () => {
  test('a step', async () => {
    const workload = await proof.workload(step)
    expect(workload).toMatchObject({
      anchor: { claim: 'repositoryUuid', value: REPOSITORY },
      sealed: { pipelineUuid: PIPELINE, stepUuid: STEP },
      spiffeId: 'spiffe://errand.example.com/source/_7b437da666-7aab-4b60-a947-ec542536ca0d_7d/__',
      delegateClaims: { repositoryUuid: REPOSITORY, branchName: 'main' },
      description: `repository ${REPOSITORY}: step ${STEP} on main`,
      assertion: { reuse: 'task' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload).not.toHaveProperty('reference')
  })

  test('a deployment is another workload, the same in every run', async () => {
    const deployment = {
      ...step,
      sub: `${REPOSITORY}:${ENVIRONMENT}:${STEP}`,
      deploymentEnvironmentUuid: ENVIRONMENT,
    }
    const first = await proof.workload(deployment)
    const next = await proof.workload({ ...deployment, stepUuid: PIPELINE, pipelineUuid: STEP, branchName: 'next' })
    expect(first.delegateClaims).toMatchObject({ deploymentEnvironmentUuid: ENVIRONMENT })
    expect(next.spiffeId).toBe(first.spiffeId)
    expect(first.spiffeId).not.toBe((await proof.workload(step)).spiffeId)
  })

  test.each(['repositoryUuid', 'pipelineUuid', 'stepUuid'])('without %s it is refused', async (claim) => {
    expect(await proof.refusal({ ...step, [claim]: undefined })).toMatchObject({
      reason: 'assertion_claim_missing',
      claim,
    })
  })

  test('an environment that is no text is refused: left out, it would name another workload', async () => {
    expect(await proof.refusal({ ...step, deploymentEnvironmentUuid: [ENVIRONMENT] })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim: 'deploymentEnvironmentUuid',
    })
  })

  test('a branch is shown without tricks', async () => {
    expect((await proof.workload({ ...step, branchName: 'ma\u202ein\n' })).description).toBe(
      `repository ${REPOSITORY}: step ${STEP} on main`,
    )
  })
})
