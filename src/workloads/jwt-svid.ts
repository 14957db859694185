import type { ParsedJws } from './jws.js'
import { parseSpiffeId } from './spiffe-uri.js'

/** RFC 7518 §3.3 to §3.5: the algorithms of JWT-SVIDs (JWT-SVID §2.1). */
export const JWT_SVID_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512']

/** JWT-SVID §2: nothing else stands in the header. */
const HEADER: ReadonlySet<string> = new Set(['alg', 'kid', 'typ'])
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'JOSE'])

/**
 * What JWT-SVIDs must be beyond any JWT; `undefined` when all is well. Audience, expiry and signature are checked as
 * everywhere, the trust domain when the source was found.
 */
export function jwtSvidFault({ parameters, claims }: ParsedJws): string | undefined {
  if (Object.keys(parameters).some((name) => !HEADER.has(name))) return 'the header holds more than a JWT-SVID has'
  if (!TYPES.has(parameters['typ'])) return 'typ is not that of a JWT-SVID'
  const { sub } = claims as { readonly sub?: unknown }
  // The id of the trust domain itself is its authority's (X509-SVID §3.2).
  if (typeof sub !== 'string' || (parseSpiffeId(sub)?.path ?? '') === '') return 'sub is no SPIFFE ID of a workload'
  return undefined
}
