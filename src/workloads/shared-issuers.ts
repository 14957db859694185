import { isLiteral } from './pattern.js'

/**
 * Public issuers that sign for everybody. Trusting one without naming a tenant trusts the whole world (contract §3), under
 * whichever preset it is configured. The claims are immutable ids of a tenant; names and paths can be given up and taken by
 * somebody else, so they do not count. Issuers of one tenant (an enterprise's own path below GitHub's, a CircleCI
 * organization, an Entra tenant, an AWS account) are not shared.
 *
 * Sources: github/docs content/actions/reference/security/oidc.md; gitlabhq/gitlabhq
 * doc/ci/secrets/id_token_authentication.md; buildkite/docs pages/pipelines/security/oidc.md ("agents in every organization
 * share the same issuer"); "Workload identity tokens" of HCP Terraform; OpenID Connect at Google (`sub` is never reused), and
 * "Verify the identity of a VM" there; "Integrate Pipelines with resource servers using OIDC" of Bitbucket Cloud.
 */
const TENANT_CLAIMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['https://token.actions.githubusercontent.com', ['repository_owner_id', 'repository_id', 'enterprise_id']],
  ['https://gitlab.com', ['namespace_id', 'project_id']],
  ['https://agent.buildkite.com', ['organization_id', 'pipeline_id']],
  ['https://app.terraform.io', ['terraform_organization_id', 'terraform_project_id', 'terraform_workspace_id']],
  ['https://accounts.google.com', ['sub', '/google/compute_engine/project_number']],
])

/** Issuers of a tenant that is named, not numbered: the name can be given up, and then signs for somebody else. */
const NAMED_TENANTS: readonly (readonly [issuer: RegExp, claims: readonly string[]])[] = [
  [/^https:\/\/api\.bitbucket\.org\/2\.0\/workspaces\//, ['workspaceUuid', 'repositoryUuid']],
]

/**
 * The claims of which `require` must state one exactly, when it states none; `undefined` when all is well.
 * A pattern with `*` in it does not count: it would let strangers in.
 */
export function missingTenant(
  issuer: string,
  require: Readonly<Record<string, string>>,
): readonly string[] | undefined {
  const claims =
    TENANT_CLAIMS.get(issuer.replace(/\/+$/, '')) ?? NAMED_TENANTS.find(([pattern]) => pattern.test(issuer))?.[1]
  if (claims === undefined) return undefined
  const stated = claims.some((claim) => {
    const pattern = Object.hasOwn(require, claim) ? require[claim] : undefined
    return pattern !== undefined && pattern !== '' && isLiteral(pattern)
  })
  return stated ? undefined : claims
}
