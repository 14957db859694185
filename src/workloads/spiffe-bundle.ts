import { parseCertificate, type ParsedCertificate } from '../x509/certificate.js'
import { checkAnchor } from '../x509/path-validation.js'
import { parseKeySet, type KeySet } from './key-set.js'

/** The authorities of a trust domain (SPIFFE Trust Domain and Bundle §4). */
export interface SpiffeBundle {
  /** Who signs JWT-SVIDs. */
  readonly keys: KeySet
  /** Who signs X.509-SVIDs. */
  readonly roots: readonly ParsedCertificate[]
  /** Seconds; a hint. */
  readonly refreshHint: number | undefined
}

const MAX_ROOTS = 32

/** `undefined` when it is no JWK Set. Members of other uses, and those that cannot be read, are passed over (§4.1.3). */
export function parseSpiffeBundle(document: unknown): SpiffeBundle | undefined {
  const keys = parseKeySet(document, 'jwt-svid')
  if (keys === undefined) return undefined
  const { keys: members, spiffe_refresh_hint: hint } = document as {
    readonly keys: readonly unknown[]
    readonly spiffe_refresh_hint?: unknown
  }
  const roots = members.flatMap(readRoot).slice(0, MAX_ROOTS)
  const isHint = typeof hint === 'number' && Number.isSafeInteger(hint) && hint > 0
  return { keys, roots, refreshHint: isHint ? hint : undefined }
}

/** X509-SVID §6.2: the first certificate of `x5c`, and the others are ignored. */
function readRoot(member: unknown): readonly ParsedCertificate[] {
  if (typeof member !== 'object' || member === null) return []
  const { use, x5c } = member as { readonly use?: unknown; readonly x5c?: unknown }
  if (use !== 'x509-svid' || !Array.isArray(x5c) || typeof x5c[0] !== 'string') return []
  const certificate = parseCertificate(Buffer.from(x5c[0], 'base64'))
  return certificate.ok && checkAnchor(certificate.value) === undefined ? [certificate.value] : []
}
