import { sha256Hex } from '../runtime/digest.js'
import { canonicalize } from '../runtime/jcs.js'
import type { Terms } from './grant.js'

/** `sha256:` and lowercase hex over the JCS (RFC 8785) of the terms (contract §1, "Digest"). */
export const digestOf = (terms: Terms): string => `sha256:${sha256Hex(canonicalize(terms))}`
