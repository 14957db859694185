import { X509Certificate } from 'node:crypto'
import { sha256Hex } from '../runtime/digest.js'
import type { CertificateOfClient } from '../policy/catalogue.js'

/** The certificate of a client, whose key the TLS handshake has proved: here, or at a proxy that we believe. */
export interface ClientCertificate {
  /** DER, the client's own first, then as many of its issuers as it sent. Not empty. */
  readonly chain: readonly [Buffer, ...Buffer[]]
  /**
   * Its chain ends in a CA of the listener's `client_ca_file`, at a time when all of it was valid. Otherwise only the key is
   * proved, and nothing that the certificate says may be believed.
   */
  readonly verified: boolean
}

/** Whether it is the certificate that a client is known by. Its names count only where its chain was verified. */
export function isCertificateOf({ chain, verified }: ClientCertificate, known: CertificateOfClient): boolean {
  if ('sha256' in known) return known.sha256.includes(sha256Hex(chain[0]))
  return verified && altNamesOf(chain[0]).includes(known.subjectAltName)
}

/** As node:crypto writes them, `URI:…` and `DNS:…`. It quotes those that hold a comma or a quote: then none is taken apart. */
function altNamesOf(der: Buffer): readonly string[] {
  const text = new X509Certificate(der).subjectAltName ?? ''
  return text.includes('"') ? [] : text.split(', ')
}
