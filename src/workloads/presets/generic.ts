import { pickText } from '../claims.js'
import type { Preset } from './preset.js'
import { readable } from './preset.js'

/**
 * Any issuer of JWTs. OpenID Connect Core §2 promises only that `sub` is "locally unique and never reassigned within the
 * issuer": so it is the anchor, unless the configuration names another claim that cannot be given away. Run ids, the
 * starter and what a delegate states are the configuration's to say; without run ids every request must send `task`.
 */
export const generic: Preset = {
  name: 'generic',
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
  mappingIsConfigurable: true,
  reuse: 'once',
  algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  starterIsUnknown: () => false,
  describe: (claims) => readable(pickText(claims, 'sub') ?? 'a workload'),
  referenceTo: () => undefined,
}
