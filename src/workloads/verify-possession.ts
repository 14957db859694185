import { ok, type Result } from '../runtime/result.js'
import { sha256Base64url } from '../runtime/digest.js'
import type { ClientCertificate } from './client-certificate.js'
import type { DpopRefusal, ProvedRequest, VerifyDpop } from './dpop.js'
import type { ProofOfPossession, ProvedCertificate } from './possession.js'

/** What a request brings along to prove keys with. The HTTP edge's context is one. */
export interface PresentedKeys extends Pick<ProvedRequest, 'method' | 'path'> {
  /** The `DPoP` header. */
  readonly dpop: string | undefined
  readonly clientCertificate?: ClientCertificate
}

/**
 * The keys that a request proves. A proof that is sent and no good is refused, whether or not anything asks for it; nothing
 * is spent.
 */
export type VerifyPossession = (
  presented: PresentedKeys,
  token?: NonNullable<ProvedRequest['token']>,
) => Promise<Result<ProofOfPossession, DpopRefusal>>

export const createPossessionVerifier =
  (verifyDpop: VerifyDpop): VerifyPossession =>
  async ({ dpop, clientCertificate, method, path }, token) => {
    const certificate = clientCertificate === undefined ? {} : { certificate: proveCertificate(clientCertificate) }
    if (dpop === undefined) return ok(certificate)
    const proved = await verifyDpop(dpop, { method, path, ...(token === undefined ? {} : { token }) })
    return proved.ok ? ok({ dpop: proved.value, ...certificate }) : proved
  }

/** RFC 8705 §3.1: `x5t#S256`. */
const proveCertificate = (shown: ClientCertificate): ProvedCertificate => ({
  x5tS256: sha256Base64url(shown.chain[0]),
  shown,
})
