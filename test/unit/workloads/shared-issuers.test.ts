import { describe, expect, test } from '@jest/globals'
import { missingTenant } from '../../../src/workloads/shared-issuers.js'

const GITHUB = 'https://token.actions.githubusercontent.com'
const BITBUCKET = 'https://api.bitbucket.org/2.0/workspaces/octo-space/pipelines-config/identity/oidc'

describe('contract §3: a shared public issuer needs an immutable tenant id', () => {
  test.each<[string, string, Record<string, string>]>([
    ['nothing', GITHUB, {}],
    ['a name, which can change hands', GITHUB, { repository_owner: 'octo-org' }],
    ['a pattern, which lets strangers in', GITHUB, { repository_owner_id: '*' }],
    ['a pattern that begins well', GITHUB, { repository_owner_id: '4*' }],
    ['an empty text', GITHUB, { repository_owner_id: '' }],
    ['what objects have anyway', GITHUB, JSON.parse('{"__proto__":"x"}') as Record<string, string>],
    ['a path at GitLab.com', 'https://gitlab.com', { project_path: 'my-group/my-project' }],
    ['a slash more in the issuer', 'https://gitlab.com/', {}],
    ['Buildkite', 'https://agent.buildkite.com', { organization_slug: 'x' }],
    ['HCP Terraform', 'https://app.terraform.io', { terraform_organization_name: 'x' }],
    ['Google', 'https://accounts.google.com', { email: 'x@example.com' }],
    ["a project's id at Google", 'https://accounts.google.com', { '/google/compute_engine/project_id': 'x' }],
    ['a workspace of Bitbucket by its name', BITBUCKET, {}],
    ['a pattern of a workspace of Bitbucket', BITBUCKET, { workspaceUuid: '{*}' }],
    ['a branch at Bitbucket', BITBUCKET, { branchName: 'main' }],
  ])('%s does not do', (_name, issuer, require) => {
    expect(missingTenant(issuer, require)).toBeInstanceOf(Array)
  })

  test.each<[string, Record<string, string>]>([
    [GITHUB, { repository_owner_id: '42' }],
    [GITHUB, { repository_id: '74', ref: 'refs/heads/*' }],
    ['https://gitlab.com', { namespace_id: '72' }],
    ['https://gitlab.example.com', {}],
    [`${GITHUB}/octocat-inc`, {}],
    ['https://accounts.google.com', { '/google/compute_engine/project_number': '739419398126' }],
    [BITBUCKET, { workspaceUuid: '{8a1fdada-cbc0-452c-81ce-07534945e18b}' }],
    [BITBUCKET, { repositoryUuid: '{437da666-7aab-4b60-a947-ec542536ca0d}' }],
    ['https://oidc.circleci.com/org/f6a1ee54-2d5b-4a3c-8b7e-6a9c0d1e2f30', {}],
    ['https://abc123.tokens.sts.global.api.aws', {}],
  ])('%s with %j does', (issuer, require) => {
    expect(missingTenant(issuer, require)).toBeUndefined()
  })
})
