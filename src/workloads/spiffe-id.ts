import { sha256Base64url } from '../runtime/digest.js'

/**
 * The `sub` of what Errand issues: `spiffe://<trust_domain>/<source>/<anchor>/<segments…>` (contract §2).
 *
 * SPIFFE-ID §2.2 allows `A-Z a-z 0-9 . - _` in path segments, and neither empty ones nor `.` and `..`. So `_` is the escape:
 * letters, digits, `-`, and `.` that is not first stand for themselves; every other octet of the UTF-8 is `_` and two
 * lowercase hex digits (`:` is `_3a`, `_` is `_5f`); the empty text is `_`; a claim that is absent is `__`. Each of these can
 * be read back in one way only, so two workloads never share an id.
 *
 * An id over 127 octets (the contract's bound: half of a DNS name, and short enough for every certificate profile) keeps its
 * leading segments as far as they fit, and ends in `_.` and the SHA-256 of the whole path, base64url. `_.` begins no escape,
 * so a hashed id is never some other workload's plain one.
 */
export const MAX_SPIFFE_ID = 127

/** What comes first in all ids of one source. */
export const spiffePrefix = (trustDomain: string, source: string): string =>
  `spiffe://${trustDomain}/${escapeSegment(source)}`

const HASHED_SEGMENT = '/_.'.length + 43

/** Whether ids below this prefix can be told apart within 127 octets; a longer trust domain or source name does not load. */
export const spiffePrefixFits = (trustDomain: string, source: string): boolean =>
  spiffePrefix(trustDomain, source).length + HASHED_SEGMENT <= MAX_SPIFFE_ID

/** `path` is the anchor and the segments; `undefined` for a claim that the assertion does not have. */
export function spiffeId(prefix: string, path: readonly (string | undefined)[]): string {
  const segments = path.map((segment) => `/${segment === undefined ? '__' : escapeSegment(segment)}`)
  const plain = prefix + segments.join('')
  if (plain.length <= MAX_SPIFFE_ID) return plain
  let kept = prefix
  for (const segment of segments) {
    if (kept.length + segment.length + HASHED_SEGMENT > MAX_SPIFFE_ID) break
    kept += segment
  }
  return `${kept}/_.${sha256Base64url(plain)}`
}

const PLAIN = /^[A-Za-z0-9-][A-Za-z0-9.-]*$/

function escapeSegment(text: string): string {
  if (PLAIN.test(text)) return text
  if (text === '') return '_'
  let escaped = ''
  for (const octet of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(octet)
    escaped += PLAIN.test(char) || (char === '.' && escaped !== '') ? char : `_${octet.toString(16).padStart(2, '0')}`
  }
  return escaped
}
