import { beforeAll, describe, expect, test } from '@jest/globals'
import { PRESETS } from '../../../src/workloads/presets.js'
import { TEST_EPOCH } from '../../support/clock.js'
import type { Proof } from '../../support/prove-preset.js'
import { provePreset } from '../../support/prove-preset.js'

const NOW = TEST_EPOCH

describe('github-actions, by the claims of its OpenID Connect reference', () => {
  let github: Proof
  let enterprise: Proof
  beforeAll(async () => {
    github = await provePreset('github-actions', 'https://token.actions.githubusercontent.com')
    enterprise = await provePreset('github-actions', 'https://github.example.com/_services/token')
  })
  const job = {
    jti: 'j',
    sub: 'repo:octo-org/octo-repo:environment:production',
    environment: 'production',
    ref: 'refs/heads/main',
    repository: 'octo-org/octo-repo',
    repository_id: '74',
    repository_owner: 'octo-org',
    repository_owner_id: '65',
    run_id: '9912',
    run_number: '10',
    run_attempt: '1',
    check_run_id: '4411',
    actor: 'octocat',
    actor_id: '12',
    workflow: 'deploy',
    workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
    event_name: 'push',
    runner_environment: 'github-hosted',
  }

  test('a job', async () => {
    expect(await github.workload(job)).toMatchObject({
      anchor: { claim: 'repository_id', value: '74' },
      sealed: { run_id: '9912', run_attempt: '1', check_run_id: '4411' },
      startedBy: { id: '12' },
      spiffeId: 'spiffe://errand.example.com/source/74/production',
      delegateClaims: {
        repository_id: '74',
        environment: 'production',
        ref: 'refs/heads/main',
        workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
      },
      description: 'octo-org/octo-repo: deploy #10 on refs/heads/main',
      reference: 'https://github.com/octo-org/octo-repo/actions/runs/9912/attempts/1',
      assertion: { reuse: 'once' },
    })
  })

  test('the immutable subject is the same workload', async () => {
    const sub = 'repo:octo-org@65/octo-repo@74:environment:production'
    const before = await github.workload(job)
    const after = await github.workload({ ...job, sub })
    expect(after.subject).toBe(sub)
    expect([after.spiffeId, after.anchor, after.shard]).toEqual([before.spiffeId, before.anchor, before.shard])
  })

  test('a renamed repository is the same workload', async () => {
    const renamed = await github.workload({
      ...job,
      repository: 'new-org/new-repo',
      sub: 'repo:new-org/new-repo:environment:production',
    })
    expect(renamed.spiffeId).toBe((await github.workload(job)).spiffeId)
  })

  test('a job without an environment is another workload', async () => {
    const { environment: _none, ...plain } = job
    const workload = await github.workload({ ...plain, sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' })
    expect(workload.spiffeId).toBe('spiffe://errand.example.com/source/74/__')
    expect(workload.delegateClaims).not.toHaveProperty('environment')
  })

  test('a re-run names only its first starter: unknown', async () => {
    expect((await github.workload({ ...job, run_attempt: '2' })).startedBy).toBe('unknown')
    expect((await github.workload({ ...job, run_attempt: 2 })).startedBy).toBe('unknown')
  })

  test.each(['run_id', 'run_attempt', 'check_run_id', 'repository_id'])('without %s it is refused', async (claim) => {
    expect(await github.refusal({ ...job, [claim]: undefined })).toEqual({
      reason: 'assertion_claim_missing',
      issuer: 'https://token.actions.githubusercontent.com',
      claim,
    })
  })

  test('GitHub Enterprise Server links to itself', async () => {
    expect((await enterprise.workload(job)).reference).toBe(
      'https://github.example.com/octo-org/octo-repo/actions/runs/9912/attempts/1',
    )
  })

  test('what a workflow calls itself is shown without tricks', async () => {
    const { description, reference } = await github.workload({
      ...job,
      workflow: 'de\u202eploy\u0007\n',
      repository: 'octo-org/octo-repo?x=javascript:alert(1)#',
    })
    expect(description).toBe('octo-org/octo-repo?x=javascript:alert(1)#: deploy #10 on refs/heads/main')
    expect(reference).toBeUndefined()
  })
})

describe('gitlab-ci, by the claims of its ID tokens', () => {
  let gitlab: Proof
  beforeAll(async () => {
    gitlab = await provePreset('gitlab-ci', 'https://gitlab.example.com')
  })
  const job = {
    jti: 'j',
    sub: 'project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1',
    namespace_id: '72',
    project_id: '20',
    project_path: 'my-group/my-project',
    user_id: '1',
    pipeline_id: '574',
    job_id: '302',
    ref: 'feature-branch-1',
    ref_type: 'branch',
    ref_protected: 'false',
    runner_id: 1,
  }

  test('a job', async () => {
    expect(await gitlab.workload(job)).toMatchObject({
      anchor: { claim: 'project_id', value: '20' },
      sealed: { pipeline_id: '574', job_id: '302' },
      startedBy: { id: '1' },
      spiffeId: 'spiffe://errand.example.com/source/20/__',
      delegateClaims: { project_id: '20', ref: 'feature-branch-1', ref_type: 'branch', ref_protected: 'false' },
      description: 'my-group/my-project: job 302 on feature-branch-1',
      reference: 'https://gitlab.example.com/my-group/my-project/-/jobs/302',
      assertion: { reuse: 'task' },
    })
  })

  test('ids that come as numbers are the same ids', async () => {
    const {
      delegateClaims: _text,
      claims: _claims,
      assertion: _assertion,
      ...numbers
    } = await gitlab.workload({ ...job, project_id: 20, job_id: 302 })
    expect(await gitlab.workload(job)).toMatchObject(numbers)
  })

  test.each(['pipeline_id', 'job_id', 'project_id'])('without %s it is refused', async (claim) => {
    expect(await gitlab.refusal({ ...job, [claim]: undefined })).toMatchObject({
      reason: 'assertion_claim_missing',
      claim,
    })
  })
})

describe('kubernetes, by the schema of projected service account tokens', () => {
  let cluster: Proof
  beforeAll(async () => {
    cluster = await provePreset('kubernetes', 'https://kubernetes.default.svc')
  })
  const inPod = {
    sub: 'system:serviceaccount:agents:researcher',
    'kubernetes.io': {
      namespace: 'agents',
      node: { name: 'node-1', uid: '517eb86e-b863-451b-bf70-86cb61439a3a' },
      pod: { name: 'researcher-0', uid: '0d8b260e-ef0e-45fb-be8e-ff44f97722e8' },
      serviceaccount: { name: 'researcher', uid: 'e6a8680e-d103-4cce-80ea-03acbbeacf7d' },
      warnafter: NOW + 100,
    },
  }

  test('a pod', async () => {
    const workload = await cluster.workload(inPod)
    expect(workload).toMatchObject({
      anchor: { claim: '/kubernetes.io/serviceaccount/uid', value: 'e6a8680e-d103-4cce-80ea-03acbbeacf7d' },
      sealed: { '/kubernetes.io/pod/uid': '0d8b260e-ef0e-45fb-be8e-ff44f97722e8' },
      spiffeId: 'spiffe://errand.example.com/source/e6a8680e-d103-4cce-80ea-03acbbeacf7d/agents/researcher',
      description: 'pod researcher-0 as agents/researcher',
      assertion: { reuse: 'until_expiry' },
    })
    expect(workload).not.toHaveProperty('startedBy')
    expect(workload).not.toHaveProperty('reference')
  })

  test('a token that is bound to no pod is refused', async () => {
    const { pod: _pod, ...unbound } = inPod['kubernetes.io']
    expect(await cluster.refusal({ ...inPod, 'kubernetes.io': unbound })).toMatchObject({
      reason: 'assertion_claim_missing',
      claim: '/kubernetes.io/pod/uid',
    })
  })
})

describe('presets', () => {
  test('sealed are exactly the ids that the contract names', () => {
    expect(Object.fromEntries([...PRESETS].map(([name, { mapping }]) => [name, mapping.sealed]))).toEqual({
      'github-actions': ['run_id', 'run_attempt', 'check_run_id'],
      'gitlab-ci': ['pipeline_id', 'job_id'],
      circleci: [],
      buildkite: ['build_number', 'job_id'],
      'bitbucket-pipelines': ['pipelineUuid', 'stepUuid'],
      kubernetes: ['/kubernetes.io/pod/uid'],
      google: [],
      'google-compute': ['/google/compute_engine/instance_id'],
      azure: [],
      aws: [],
      spiffe: [],
      attestation: [],
      generic: [],
    })
  })

  test('contract §3: how often one assertion serves', () => {
    expect(Object.fromEntries([...PRESETS].map(([name, { reuse }]) => [name, reuse]))).toEqual({
      'github-actions': 'once',
      'gitlab-ci': 'task',
      circleci: 'task',
      buildkite: 'once',
      'bitbucket-pipelines': 'task',
      kubernetes: 'until_expiry',
      google: 'until_expiry',
      'google-compute': 'once',
      azure: 'until_expiry',
      aws: 'once',
      spiffe: 'until_expiry',
      attestation: 'once',
      generic: 'once',
    })
  })

  test('no anchor is a name that somebody can give up', () => {
    expect(Object.fromEntries([...PRESETS].map(([name, { mapping }]) => [name, mapping.anchor]))).toEqual({
      'github-actions': 'repository_id',
      'gitlab-ci': 'project_id',
      circleci: 'oidc.circleci.com/project-id',
      buildkite: 'pipeline_id',
      'bitbucket-pipelines': 'repositoryUuid',
      kubernetes: '/kubernetes.io/serviceaccount/uid',
      google: 'sub',
      'google-compute': 'sub',
      azure: 'oid',
      aws: 'sub',
      spiffe: 'sub',
      attestation: 'sub',
      generic: 'sub',
    })
  })

  test('only generic is told by the configuration which claims mean what', () => {
    expect([...PRESETS.values()].filter((preset) => preset.mappingIsConfigurable).map((preset) => preset.name)).toEqual(
      ['generic'],
    )
  })
})
