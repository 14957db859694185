import { sha256Hex } from '../runtime/digest.js'
import { Canonical, canonicalize } from '../runtime/jcs.js'
import type { Terms } from './grant.js'

interface Known {
  readonly canonical: Canonical
  readonly digest: string
}

const known = new WeakMap<Terms, Known>()

/** `sha256:` and lowercase hex over the JCS (RFC 8785) of the terms (contract §1, "Digest"). */
export const digestOf = (terms: Terms): string => knowledgeOf(terms).digest

/** The very text that the digest is of. */
export const canonicalTerms = (terms: Terms): Canonical => knowledgeOf(terms).canonical

/** Terms are immutable, so each object is canonicalized and hashed once. */
function knowledgeOf(terms: Terms): Known {
  const earlier = known.get(terms)
  if (earlier !== undefined) return earlier
  const text = canonicalize(terms)
  const made = { canonical: new Canonical(text), digest: `sha256:${sha256Hex(text)}` }
  known.set(terms, made)
  return made
}
