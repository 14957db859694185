import { X509Certificate } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { parseCredentialId, type CredentialId } from '../runtime/ids.js'
import type { Authority } from './authority.js'

/** A certificate that one of our authorities signed, as it says of itself. Whether it lives, its record says. */
export interface OwnCertificate {
  readonly id: CredentialId
  readonly notBefore: EpochSeconds
  readonly notAfter: EpochSeconds
  /** SHA-256 of its DER, base64url: `x5t#S256` (RFC 8705 §3.1). */
  readonly x5tS256: string
  /** SHA-256 of its SubjectPublicKeyInfo, base64url. */
  readonly key: string
}

const PEM = '-----BEGIN CERTIFICATE-----'

/** Whether a token is meant as a certificate: the PEM that `/token` answered, with its chain or alone. */
export const isCertificatePem = (token: string): boolean => token.trimStart().startsWith(PEM)

/**
 * Reads the first certificate, and verifies that one of the authorities signed it. A certificate is
 * public: that somebody shows it proves nothing of who they are.
 * @param certificate PEM or DER
 */
export function readOwnCertificate(
  certificate: string | Buffer,
  authorities: readonly Authority[],
): OwnCertificate | undefined {
  const leaf = parsed(certificate)
  if (leaf === undefined || leaf.ca) return undefined
  const id = parseCredentialId(`cr_${leaf.serialNumber.toLowerCase()}`)
  if (id === undefined || !authorities.some((authority) => isIssuedBy(leaf, authority))) return undefined
  const seconds = (date: string): EpochSeconds => Math.floor(Date.parse(date) / 1000)
  return {
    id,
    notBefore: seconds(leaf.validFrom),
    notAfter: seconds(leaf.validTo),
    x5tS256: sha256Base64url(leaf.raw),
    key: sha256Base64url(leaf.publicKey.export({ format: 'der', type: 'spki' })),
  }
}

/**
 * Whether one of these certificates is signed by one of these authorities. DER; what cannot be read is signed by none.
 */
export const isSignedByOneOf = (authorities: readonly Authority[], certificates: readonly Buffer[]): boolean =>
  authorities.length > 0 &&
  certificates.some((der) => {
    const certificate = parsed(der)
    return certificate !== undefined && authorities.some((authority) => isIssuedBy(certificate, authority))
  })

function isIssuedBy(leaf: X509Certificate, authority: Authority): boolean {
  const issuer = certificateOf(authority)
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)
}

const known = new WeakMap<Authority, X509Certificate>()

function certificateOf(authority: Authority): X509Certificate {
  const remembered = known.get(authority)
  if (remembered !== undefined) return remembered
  const made = new X509Certificate(authority.certificate)
  known.set(authority, made)
  return made
}

function parsed(certificate: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate)
  } catch {
    return undefined
  }
}
