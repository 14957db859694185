import { pickText } from '../claims.js'
import type { Claims } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * GitHub Actions. Claims by "OpenID Connect reference", github/docs content/actions/reference/security/oidc.md, section
 * "Custom claims provided by GitHub":
 * - `repository_id`: the repository; survives renames and transfers, is never given again. The anchor.
 * - `run_id` (unique), `run_attempt` ("the number of times this workflow run has been retried"), `check_run_id` ("the check
 *   run ID of the current job"): the run, the attempt and the job. Sealed.
 * - `environment`: set only if the job uses one; guarded by the repository's own protection rules. The name's segment.
 * - `actor_id`: "the personal account that initiated the workflow run". On a re-run it still names the first starter, not
 *   who pressed the button, so from the second attempt on the starter is unknown.
 * - `sub`: `repo:OWNER/REPO:…`, or `repo:OWNER@ID/REPO@ID:…` in repositories made, renamed or moved after 2026-07-15, or
 *   whatever a customisation template says. It is never taken apart here: `repository_id` decides, patterns match all of it.
 */
export const githubActions: Preset = {
  name: 'github-actions',
  mapping: {
    anchor: 'repository_id',
    segments: ['environment'],
    sealed: ['run_id', 'run_attempt', 'check_run_id'],
    startedBy: 'actor_id',
    delegate: ['environment', 'ref', 'workflow_ref'],
  },
  mappingIsConfigurable: false,
  // Each job can ask for any number of tokens, each with its own `jti`.
  reuse: 'once',
  algorithms: ['RS256'],
  starterIsUnknown: (claims) => pickText(claims, 'run_attempt') !== '1',
  describe: (claims) => {
    const [repository, workflow, number, ref] = ['repository', 'workflow', 'run_number', 'ref'].map((name) =>
      pickText(claims, name),
    )
    return readable(`${repository ?? 'a repository'}: ${workflow ?? 'a workflow'} #${number ?? '?'} on ${ref ?? '?'}`)
  },
  referenceTo: (claims, issuer) => {
    const origin = webOrigin(issuer)
    const repository = pickText(claims, 'repository')
    const run = runPath(claims)
    if (origin === undefined || run === undefined || !REPOSITORY.test(repository ?? '')) return undefined
    return `${origin}/${repository ?? ''}/actions/runs/${run}`
  },
}

const REPOSITORY = /^[\w.-]+\/[\w.-]+$/
const DIGITS = /^\d+$/

function runPath(claims: Claims): string | undefined {
  const run = pickText(claims, 'run_id') ?? ''
  const attempt = pickText(claims, 'run_attempt') ?? ''
  return DIGITS.test(run) && DIGITS.test(attempt) ? `${run}/attempts/${attempt}` : undefined
}

/** `token.actions.githubusercontent.com` → github.com, `token.actions.SUB.ghe.com` → SUB.ghe.com, a server of one's own → itself. */
export function webOrigin(issuer: string): string | undefined {
  if (!URL.canParse(issuer)) return undefined
  const { hostname, origin, pathname } = new URL(issuer)
  if (hostname === 'token.actions.githubusercontent.com') return 'https://github.com'
  if (/^token\.actions\.[\w-]+\.ghe\.com$/.test(hostname)) return `https://${hostname.slice('token.actions.'.length)}`
  return pathname.startsWith('/_services/token') ? origin : undefined
}
