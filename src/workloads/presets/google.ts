import { pickText } from '../claims.js'
import type { Claims } from '../claims.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

/*
 * Identity tokens that Google signs for service accounts. Claims by "Verify the identity of a VM", cloud.google.com
 * compute/docs/instances/verifying-instance-identity, section "Token contents", and by "OpenID Connect", developers.google.com
 * identity/openid-connect, section "An ID token's payload":
 * - `sub`: the unique id of the service account, "never reused": an account that was deleted and made again under the same
 *   address has another. The anchor. `email` is that address, so it is shown and not decided on.
 * - `google.compute_engine` (asked for by `format=full`): `instance_id`, which unlike the instance's name is not used again,
 *   and `project_number`, which unlike the project's id nobody chooses.
 * The same issuer signs for every Google account, people among them: `shared-issuers.ts` asks for the tenant.
 */

/** Service accounts anywhere: Cloud Run, Cloud Build, GKE, or by the IAM credentials API. No claim tells runs apart: `task`. */
export const google: Preset = {
  name: 'google',
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
  mappingIsConfigurable: false,
  // A metadata server may hand out the same token again until it is about to expire, and there is no `jti` in it.
  reuse: 'until_expiry',
  algorithms: ['RS256'],
  issuerForm: issuerLike(/^https:\/\/accounts\.google\.com$/, 'https://accounts.google.com'),
  starterIsUnknown: () => false,
  claimOfAPerson: (claims) => claimOfAPerson(claims),
  describe: (claims) => readable(`service account ${pickText(claims, 'email') ?? pickText(claims, 'sub') ?? '?'}`),
  referenceTo: () => undefined,
}

/** Instances of Compute Engine, by tokens of `format=full`: the instance is the run. */
export const googleCompute: Preset = {
  ...google,
  name: 'google-compute',
  mapping: {
    anchor: 'sub',
    segments: ['/google/compute_engine/project_number'],
    sealed: ['/google/compute_engine/instance_id'],
    delegate: ['/google/compute_engine/project_number'],
  },
  // The page above promises a new token for each request, and proposes to accept each once.
  reuse: 'once',
  describe: (claims) => {
    const [name, zone] = ['instance_name', 'zone'].map((member) => pickText(claims, `/google/compute_engine/${member}`))
    return readable(`instance ${name ?? '?'} in ${zone ?? '?'} as ${pickText(claims, 'email') ?? 'a service account'}`)
  },
  referenceTo: (claims) => {
    const [name = '', zone = '', project = ''] = ['instance_name', 'zone', 'project_id'].map((member) =>
      pickText(claims, `/google/compute_engine/${member}`),
    )
    if (![name, zone, project].every((part) => /^[a-z][a-z0-9-]*$/.test(part))) return undefined
    return `https://console.cloud.google.com/compute/instancesDetail/zones/${zone}/instances/${name}?project=${project}`
  },
}

const SERVICE_ACCOUNTS = '.gserviceaccount.com'

/** `email` is there only if it was asked for; where it is, it tells a person's account from a machine's. `hd` is people's alone. */
function claimOfAPerson(claims: Claims): string | undefined {
  if (Object.hasOwn(claims, 'hd')) return 'hd'
  const email = pickText(claims, 'email')
  return email === undefined || email.endsWith(SERVICE_ACCOUNTS) ? undefined : 'email'
}
