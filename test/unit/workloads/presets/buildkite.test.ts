import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Proof } from '../../../support/prove-preset.js'
import { provePreset } from '../../../support/prove-preset.js'

const PIPELINE = '0184990a-4782-42b5-afc1-16715b10b110'
const JOB = '0184990a-477b-4fa8-9968-496074483cee'

let proof: Proof
beforeAll(async () => {
  proof = await provePreset('buildkite', 'https://agent.buildkite.com')
})

const job = {
  jti: '0194b014-8517-7cef-b232-76a827315f08',
  sub: 'organization:octo-org:pipeline:octo-app:ref:refs/heads/main:commit:9f3182061f1e2cca4702c368cbc039b7dc9d4485:step:build',
  organization_slug: 'octo-org',
  organization_id: '0184990a-477b-4fa8-9968-496074483177',
  pipeline_slug: 'octo-app',
  pipeline_id: PIPELINE,
  build_number: 5,
  build_branch: 'main',
  build_tag: null,
  build_commit: '9f3182061f1e2cca4702c368cbc039b7dc9d4485',
  step_key: 'build',
  job_id: JOB,
  agent_id: '0184990a-4782-42b5-afc1-16715b10b8ff',
  build_source: 'ui',
  runner_environment: 'buildkite-hosted',
}

describe('buildkite, by "Claims" and "Optional claims" of buildkite-agent oidc', () => {
  test('a job', async () => {
    const workload = await proof.workload(job)
    expect(workload).toMatchObject({
      anchor: { claim: 'pipeline_id', value: PIPELINE },
      sealed: { build_number: '5', job_id: JOB },
      spiffeId: `spiffe://errand.example.com/source/${PIPELINE}`,
      delegateClaims: { pipeline_id: PIPELINE, build_branch: 'main', step_key: 'build' },
      description: 'octo-org/octo-app: build #5 on main',
      reference: `https://buildkite.com/octo-org/octo-app/builds/5#${JOB}`,
      assertion: { reuse: 'once' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload.delegateClaims).not.toHaveProperty('build_tag')
  })

  test('a renamed pipeline, and another subject claim, are the same workload', async () => {
    const { spiffeId, anchor } = await proof.workload(job)
    expect(await proof.workload({ ...job, pipeline_slug: 'renamed', sub: PIPELINE })).toMatchObject({
      spiffeId,
      anchor,
    })
  })

  test('a tag is what was run', async () => {
    expect((await proof.workload({ ...job, build_tag: 'v1.0.0' })).delegateClaims).toMatchObject({
      build_tag: 'v1.0.0',
    })
  })

  test('a step without a key', async () => {
    expect((await proof.workload({ ...job, step_key: null })).delegateClaims).not.toHaveProperty('step_key')
  })

  test('without --claim pipeline_id it is refused, whatever the slug says', async () => {
    expect(await proof.refusal({ ...job, pipeline_id: undefined })).toEqual({
      reason: 'assertion_claim_missing',
      issuer: 'https://agent.buildkite.com',
      claim: 'pipeline_id',
    })
  })

  test.each(['job_id', 'build_number'])('without %s it is refused', async (claim) => {
    expect(await proof.refusal({ ...job, [claim]: undefined })).toMatchObject({
      reason: 'assertion_claim_missing',
      claim,
    })
  })

  test.each([
    ['job_id', null],
    ['build_number', 5.5],
    ['build_branch', ['main']],
  ])('%s that is %j is refused', async (claim, value) => {
    expect(await proof.refusal({ ...job, [claim]: value })).toMatchObject({
      reason: 'assertion_claim_not_accepted',
      claim,
    })
  })

  test('what a pipeline calls itself is shown without tricks', async () => {
    const { description, reference } = await proof.workload({
      ...job,
      pipeline_slug: '../../evil?\u202e\u0007',
      build_branch: 'ma\nin',
    })
    expect(description).toBe('octo-org/../../evil?: build #5 on main')
    expect(reference).toBeUndefined()
  })
})
