import { X509Certificate } from 'node:crypto'
import type { CertificateOfClient } from '../policy/catalogue.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Hex } from '../runtime/digest.js'

/** The certificate of a client, whose key the TLS handshake has proved: here, or at a proxy that we believe. */
export interface ClientCertificate {
  /** DER, the client's own first, then as many of its issuers as it sent. Not empty. */
  readonly chain: readonly [Buffer, ...Buffer[]]
  /**
   * Its chain ends in a CA of the listener's `client_ca_file`, at a time when all of it was valid. Otherwise only the
   * key is proved, and nothing that the certificate says may be believed.
   */
  readonly verified: boolean
}

/**
 * Whether it is the certificate that a client is known by. Its names count only where its chain was
 * verified, and as long as it is valid: a connection may outlive it.
 */
export function isCertificateOf(
  { chain, verified }: ClientCertificate,
  known: CertificateOfClient,
  now: EpochSeconds,
): boolean {
  if ('sha256' in known) return known.sha256.includes(sha256Hex(chain[0]))
  const leaf = verified ? new X509Certificate(chain[0]) : undefined
  return leaf !== undefined && Date.parse(leaf.validTo) >= now * 1000 && altNamesOf(leaf).includes(known.subjectAltName)
}

/**
 * As node:crypto writes them, `URI:…` and `DNS:…`. It quotes those
 * that hold a comma or a quote: then none is taken apart.
 */
function altNamesOf(leaf: X509Certificate): readonly string[] {
  const text = leaf.subjectAltName ?? ''
  return text.includes('"') ? [] : text.split(', ')
}
