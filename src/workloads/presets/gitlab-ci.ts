import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * GitLab CI ID tokens. Claims by "OpenID Connect (OIDC) Authentication Using ID Tokens", gitlabhq/gitlabhq
 * doc/ci/secrets/id_token_authentication.md, section "Token payload":
 * - `project_id`: "use this to scope to project by ID". The anchor. In pipelines of merge requests from forks it names the
 *   fork (gitlab-org/gitlab#563038), so a fork never speaks for its target.
 * - `pipeline_id`, `job_id`: sealed. A retried job is another job id.
 * - `user_id`: "ID of the user executing the job"; who retries a job is its user, so it always speaks of this run.
 * - `environment`: set only if the job has one. The name's segment.
 * - `ref`, `ref_type`, `ref_protected`: what was run; `ref_protected` is the string `true` or `false`.
 */
export const gitlabCi: Preset = {
  name: 'gitlab-ci',
  mapping: {
    anchor: 'project_id',
    segments: ['environment'],
    sealed: ['pipeline_id', 'job_id'],
    startedBy: 'user_id',
    delegate: ['environment', 'ref', 'ref_type', 'ref_protected'],
  },
  mappingIsConfigurable: false,
  // The token comes once, as a variable, for the whole job.
  reuse: 'task',
  algorithms: ['RS256'],
  starterIsUnknown: () => false,
  describe: (claims) => {
    const [project, job, ref] = ['project_path', 'job_id', 'ref'].map((name) => pickText(claims, name))
    return readable(`${project ?? 'a project'}: job ${job ?? '?'} on ${ref ?? '?'}`)
  },
  referenceTo: (claims, issuer) => {
    const project = pickText(claims, 'project_path') ?? ''
    const job = pickText(claims, 'job_id') ?? ''
    if (!PROJECT.test(project) || !/^\d+$/.test(job) || !/^https?:\/\//.test(issuer)) return undefined
    return `${issuer.replace(/\/$/, '')}/${project}/-/jobs/${job}`
  },
}

const PROJECT = /^[\w.-]+(?:\/[\w.-]+)+$/
