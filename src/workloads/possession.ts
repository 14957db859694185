import type { Binding, CredentialType } from '../grants/grant.js'
import type { Claim } from '../grants/grant-store.js'
import type { ClientCertificate } from './client-certificate.js'

/** A DPoP proof that was verified (RFC 9449 §4.3), all but its single use: that is claimed when its sender is known. */
export interface ProvedDpop {
  /** RFC 7638 thumbprint of the key, SHA-256, base64url. */
  readonly jkt: string
  readonly use: Claim
}

/** A certificate whose key the TLS handshake has proved (RFC 8705 §3.1). */
export interface ProvedCertificate {
  /** SHA-256 of its DER, base64url. */
  readonly x5tS256: string
  readonly shown: ClientCertificate
}

/** The keys that a request has proved to hold, beside whatever says who sent it. */
export interface ProofOfPossession {
  readonly dpop?: ProvedDpop
  readonly certificate?: ProvedCertificate
}

/** The keys by name, for what is bound to all of them: deferral codes, assertions with `reuse: task`. */
export const keyNames = ({ dpop, certificate }: ProofOfPossession): readonly string[] => [
  ...(dpop === undefined ? [] : [`jkt:${dpop.jkt}`]),
  ...(certificate === undefined ? [] : [`x5t#S256:${certificate.x5tS256}`]),
]

/** What a token says of its key (RFC 7800 §3.1): one of the two. */
export type KeyConfirmation = { readonly jkt: string } | { readonly 'x5t#S256': string }

/**
 * Whether this meets a tier's binding. A certificate is bound by itself: its CSR has proved the key (contract §3, "certificates
 * satisfy all").
 */
export function meetsBinding(
  binding: Binding,
  type: CredentialType,
  { dpop, certificate }: ProofOfPossession,
): boolean {
  if (type === 'x509') return true
  switch (binding) {
    case 'none':
      return true
    case 'dpop':
      return dpop !== undefined
    case 'mtls':
      return certificate !== undefined
    case 'any':
      return dpop !== undefined || certificate !== undefined
  }
}

/**
 * The key that a token is bound to: every key that was proved binds, whether or not the tier asks for it (RFC 9449 §5,
 * RFC 8705 §3). Of two, the one that the tier asks for; else the DPoP key, which its client sent on purpose.
 */
export function confirmationOf(
  binding: Binding,
  { dpop, certificate }: ProofOfPossession,
): KeyConfirmation | undefined {
  if (certificate !== undefined && (binding === 'mtls' || dpop === undefined))
    return { 'x5t#S256': certificate.x5tS256 }
  return dpop === undefined ? undefined : { jkt: dpop.jkt }
}

/** Whether the key that a token of ours is bound to was proved. A token without one is bound to nothing: `false`. */
export function provesConfirmation(
  confirmation: KeyConfirmation | undefined,
  { dpop, certificate }: ProofOfPossession,
): boolean {
  if (confirmation === undefined) return false
  return 'jkt' in confirmation ? confirmation.jkt === dpop?.jkt : confirmation['x5t#S256'] === certificate?.x5tS256
}
