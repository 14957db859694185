import { describe, expect, test } from '@jest/globals'
import { missingTenant } from '../../../src/workloads/shared-issuers.js'

const GITHUB = 'https://token.actions.githubusercontent.com'

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
  ])('%s does not do', (_name, issuer, require) => {
    expect(missingTenant(issuer, require)).toBeInstanceOf(Array)
  })

  test.each<[string, Record<string, string>]>([
    [GITHUB, { repository_owner_id: '42' }],
    [GITHUB, { repository_id: '74', ref: 'refs/heads/*' }],
    ['https://gitlab.com', { namespace_id: '72' }],
    ['https://gitlab.example.com', {}],
    [`${GITHUB}/octocat-inc`, {}],
  ])('%s with %j does', (issuer, require) => {
    expect(missingTenant(issuer, require)).toBeUndefined()
  })
})
