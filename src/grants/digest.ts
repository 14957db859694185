import { sha256Hex } from '../runtime/digest.js'
import { canonicalize } from '../runtime/jcs.js'
import type { Terms } from './grant.js'

const known = new WeakMap<Terms, string>()

/** `sha256:` and lowercase hex over the JCS (RFC 8785) of the terms (contract §1, "Digest"). Terms are immutable, so each object is hashed once. */
export function digestOf(terms: Terms): string {
  const earlier = known.get(terms)
  if (earlier !== undefined) return earlier
  const digest = `sha256:${sha256Hex(canonicalize(terms))}`
  known.set(terms, digest)
  return digest
}
