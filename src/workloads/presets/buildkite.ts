import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

/**
 * Buildkite. Claims by "buildkite-agent oidc", buildkite/docs pages/agent/cli/reference/oidc.md, sections "Claims" and
 * "Optional claims":
 * - `pipeline_id`: the pipeline's UUID. The anchor. It is optional, like the tenant's `organization_id`: jobs ask by
 *   `buildkite-agent oidc request-token --claim "organization_id,pipeline_id"`. `pipeline_slug` comes unasked, but changes hands.
 * - `build_number` (counted for each pipeline, so unique beside the anchor) and `job_id` (a UUID; a retried job has another).
 *   Sealed.
 * - `build_branch`, `build_tag`, `step_key`: what was run. Whoever writes the pipeline names the step, and a fork names its
 *   branches, so none of them is the name's segment.
 * - `sub`: names with the commit in it, or whatever `--subject-claim` says. Never taken apart here.
 * Nobody is named who started the build.
 */
export const buildkite: Preset = {
  name: 'buildkite',
  mapping: {
    anchor: 'pipeline_id',
    segments: [],
    sealed: ['build_number', 'job_id'],
    delegate: ['build_branch', 'build_tag', 'step_key'],
  },
  mappingIsConfigurable: false,
  // The agent gets a new token, with its own `jti`, as often as the job asks (contract §3).
  reuse: 'once',
  algorithms: ['RS256'],
  issuerForm: issuerLike(/^https:\/\/agent\.buildkite\.com$/, 'https://agent.buildkite.com'),
  starterIsUnknown: () => false,
  describe: (claims) => {
    const [organization, pipeline, build, branch] = [
      'organization_slug',
      'pipeline_slug',
      'build_number',
      'build_branch',
    ].map((name) => pickText(claims, name))
    return readable(`${organization ?? '?'}/${pipeline ?? 'a pipeline'}: build #${build ?? '?'} on ${branch ?? '?'}`)
  },
  referenceTo: (claims) => {
    const [organization = '', pipeline = '', build = '', job = ''] = [
      'organization_slug',
      'pipeline_slug',
      'build_number',
      'job_id',
    ].map((name) => pickText(claims, name))
    if (!SLUG.test(organization) || !SLUG.test(pipeline) || !/^\d+$/.test(build) || !SLUG.test(job)) return undefined
    return `https://buildkite.com/${organization}/${pipeline}/builds/${build}#${job}`
  },
}

const SLUG = /^[\w-]+$/
