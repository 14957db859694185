import { pickText } from '../claims.js'
import { JWT_SVID_ALGORITHMS } from '../jwt-svid.js'
import type { Preset } from './preset.js'
import { issuerLike, readable } from './preset.js'

/**
 * A SPIFFE trust domain: JWT-SVIDs, and X.509-SVIDs at listeners that serve `mtls`. Both name the workload by its SPIFFE ID
 * (spiffe/spiffe standards/JWT-SVID.md §3.1, standards/X509-SVID.md §2), which is the anchor. It is the same for all
 * instances and runs of a workload, so every request must send `task`. Nobody is named who started it.
 */
export const spiffe: Preset = {
  name: 'spiffe',
  mapping: { anchor: 'sub', segments: [], sealed: [], delegate: [] },
  mappingIsConfigurable: false,
  // The Workload API hands out the same one until it is about to expire.
  reuse: 'until_expiry',
  algorithms: JWT_SVID_ALGORITHMS,
  issuerForm: issuerLike(/^spiffe:\/\/[a-z0-9._-]+$/, 'the trust domain, like spiffe://prod.example.com'),
  starterIsUnknown: () => false,
  describe: (claims) => readable(pickText(claims, 'sub') ?? 'a workload'),
  referenceTo: () => undefined,
}
