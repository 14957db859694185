import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

/**
 * CircleCI. Claims by "Using OpenID Connect tokens in jobs", circleci/circleci-docs
 * docs/guides/modules/permissions-authentication/pages/openid-connect-tokens.adoc, section "Format of the OpenID Connect ID
 * token":
 * - `iss`: `https://oidc.circleci.com/org/ORGANIZATION_ID`, one for each organization, by its UUID: not shared.
 * - `oidc.circleci.com/project-id`: the project's UUID. The anchor.
 * - `oidc.circleci.com/vcs-origin`: the repository whose change runs. Builds of a fork run in the same project, and the
 *   section "OIDC in open source projects" tells to check it: so it is a segment, and a fork is another workload. Absent for
 *   custom webhooks.
 * - `oidc.circleci.com/vcs-ref`, `oidc.circleci.com/ssh-rerun` (a person has a shell in the job): what was run, and how.
 * - `sub`: `org/…/project/…/user/USER_ID`, in `$CIRCLE_OIDC_TOKEN_V2` with `/vcs-origin/…/vcs-ref/…` after it: "the CircleCI
 *   user that caused this job to run", a re-run too.
 * No claim tells one run from another, so every request must send `task`.
 */
export const circleci: Preset = {
  name: 'circleci',
  mapping: {
    anchor: 'oidc.circleci.com/project-id',
    segments: ['oidc.circleci.com/vcs-origin'],
    sealed: [],
    startedBy: 'sub',
    delegate: ['oidc.circleci.com/vcs-origin', 'oidc.circleci.com/vcs-ref', 'oidc.circleci.com/ssh-rerun'],
  },
  mappingIsConfigurable: false,
  // The token comes once, as a variable, for the whole job (contract §3).
  reuse: 'task',
  algorithms: ['RS256'],
  // A server of one's own has another host before the same path.
  issuerForm: issuerLike(
    /^https:\/\/[^/]+\/org\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/,
    'https://oidc.circleci.com/org/ORGANIZATION_ID, the id as Organization Settings shows it',
  ),
  starterIsUnknown: () => false,
  starterIn: (subject) => STARTER.exec(subject)?.groups?.['user'],
  describe: (claims) => {
    const [origin, ref] = ['vcs-origin', 'vcs-ref'].map((name) => pickText(claims, `oidc.circleci.com/${name}`))
    const rerun = pickText(claims, 'oidc.circleci.com/ssh-rerun') === 'true' ? ', with a shell' : ''
    return readable(`${origin ?? 'a project'} on ${ref ?? 'no ref'}${rerun}`)
  },
  referenceTo: () => undefined,
}

const UUID = String.raw`[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}`
const STARTER = new RegExp(`^org/${UUID}/project/${UUID}/user/(?<user>${UUID})(?:/vcs-origin/.*)?$`, 'u')
