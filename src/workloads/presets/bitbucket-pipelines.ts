import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

/**
 * Bitbucket Pipelines. Claims by "Integrate Pipelines with resource servers using OIDC", support.atlassian.com/bitbucket-cloud,
 * section "Retrieve unique identifiers and claims":
 * - `repositoryUuid`: the repository, in braces as everywhere at Bitbucket. The anchor.
 * - `pipelineUuid`, `stepUuid`: the pipeline and the step. Sealed.
 * - `deploymentEnvironmentUuid`: set only if the step deploys; guarded by the repository's own deployment permissions. The
 *   name's segment.
 * - `branchName`: what was run.
 * - `sub`: `{repositoryUuid}:{stepUuid}`, or `{repositoryUuid}:{deploymentEnvironmentUuid}:{stepUuid}`. Another one in each
 *   step, so never taken apart here.
 * - `iss`: has the name of the workspace in it, which another may take one day: `shared-issuers.ts` asks for `workspaceUuid`.
 * `accountUuid` is the workspace's account: nobody is named who started the pipeline.
 */
export const bitbucketPipelines: Preset = {
  name: 'bitbucket-pipelines',
  mapping: {
    anchor: 'repositoryUuid',
    segments: ['deploymentEnvironmentUuid'],
    sealed: ['pipelineUuid', 'stepUuid'],
    delegate: ['deploymentEnvironmentUuid', 'branchName'],
  },
  mappingIsConfigurable: false,
  // The token comes once, as a variable, for the whole step (contract §3).
  reuse: 'task',
  algorithms: ['RS256'],
  issuerForm: issuerLike(
    /^https:\/\/api\.bitbucket\.org\/2\.0\/workspaces\/[\w.-]+\/pipelines-config\/identity\/oidc$/,
    'the Identity provider URL of Repository settings, OpenID Connect: https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc',
  ),
  starterIsUnknown: () => false,
  describe: (claims) => {
    const [repository, step, branch] = ['repositoryUuid', 'stepUuid', 'branchName'].map((name) =>
      pickText(claims, name),
    )
    return readable(`repository ${repository ?? '?'}: step ${step ?? '?'} on ${branch ?? '?'}`)
  },
  referenceTo: () => undefined,
}
