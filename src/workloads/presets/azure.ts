import { pickText } from '../claims.js'
import type { Claims } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * Azure: Entra access tokens of managed identities, of federated workload identities, and of service principals. Claims by
 * "Access token claims reference", MicrosoftDocs/entra-docs docs/identity-platform/access-token-claims-reference.md, section
 * "Payload claims":
 * - `oid`: "the immutable identifier for the requestor", here a service principal. The anchor; `azp` and `appid` (an
 *   application, which one may have in several tenants) and names are not.
 * - `iss`: `https://login.microsoftonline.com/TENANT/v2.0` (`ver` 2.0) or `https://sts.windows.net/TENANT/` (1.0): one for each
 *   tenant, by its GUID, so not shared. `common`, `organizations` and the tenant of personal accounts are everybody's.
 * - `tid`: the tenant. What derived delegates state besides.
 * - `scp`: "only included for user tokens". In tokens of an application `sub` is `oid`, while that of a person is "a
 *   pairwise identifier" ("Secure applications and APIs by validating claims", section "Validate the subject").
 * No claim tells one run from another, so every request must send `task`. Nobody is named who started it.
 */
export const azure: Preset = {
  name: 'azure',
  mapping: { anchor: 'oid', segments: [], sealed: [], delegate: ['tid'] },
  mappingIsConfigurable: false,
  // "The tokens which your application receives are cached by the underlying infrastructure" ("Managed identity best practice
  // recommendations", section "Limitation of using managed identities for authorization"): up to 24 hours.
  reuse: 'until_expiry',
  algorithms: ['RS256'],
  issuerForm: {
    fits: (issuer) => {
      const tenant = ISSUERS.map((form) => form.exec(issuer)?.groups?.['tenant']).find((found) => found !== undefined)
      return tenant !== undefined && GUID.test(tenant) && tenant !== PERSONAL_ACCOUNTS
    },
    expects:
      'https://login.microsoftonline.com/TENANT_ID/v2.0, or https://sts.windows.net/TENANT_ID/ for tokens of version 1.0',
  },
  starterIsUnknown: () => false,
  claimOfAPerson: (claims) => claimOfAPerson(claims),
  describe: (claims) => {
    const application = pickText(claims, 'azp') ?? pickText(claims, 'appid')
    return readable(`service principal ${pickText(claims, 'oid') ?? '?'} of application ${application ?? '?'}`)
  },
  referenceTo: () => undefined,
}

/** The clouds of "National clouds", docs/identity-platform/authentication-national-cloud.md of the same repository. */
const ISSUERS = [
  /^https:\/\/login\.(?:microsoftonline\.(?:com|us)|partner\.microsoftonline\.cn)\/(?<tenant>[^/]+)\/v2\.0$/,
  /^https:\/\/sts\.(?:windows\.net|chinacloudapi\.cn)\/(?<tenant>[^/]+)\/$/,
]
const GUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const PERSONAL_ACCOUNTS = '9188040d-6c67-4c5b-b112-36a304b66dad'

function claimOfAPerson(claims: Claims): string | undefined {
  if (Object.hasOwn(claims, 'scp')) return 'scp'
  // Optional, and says it outright where it is there ("Optional claims reference").
  if (Object.hasOwn(claims, 'idtyp') && pickText(claims, 'idtyp') !== 'app') return 'idtyp'
  return pickText(claims, 'sub') === pickText(claims, 'oid') ? undefined : 'sub'
}
