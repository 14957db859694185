import type { CredentialType } from '../grants/grant.js'
import type { RequestedTokenType } from '../oauth/token-request.js'
import { TOKEN_TYPE } from '../oauth/urns.js'
import { sha256Base64url } from '../runtime/digest.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { parseCsr, type CertificateRequest } from '../x509/csr.js'
import type { ExchangeRefusal } from './refusal.js'

/** What is to be made: a JWT, under the name that it was asked for by, or a certificate for the key that a CSR has proved. */
export type Wanted =
  | { readonly type: Extract<CredentialType, 'jwt'>; readonly urn: string }
  | { readonly type: Extract<CredentialType, 'x509'>; readonly request: CertificateRequest }

/** Looked at before anything is spent: a request that cannot be met costs nothing but a try. */
export function wantedOf(requested: {
  readonly requestedTokenType: RequestedTokenType
  readonly csr: string | undefined
}): Result<Wanted, ExchangeRefusal> {
  if (requested.requestedTokenType !== 'x509')
    return ok({ type: 'jwt', urn: requested.requestedTokenType === 'jwt' ? TOKEN_TYPE.jwt : TOKEN_TYPE.accessToken })
  const parsed = parseCsr(requested.csr ?? '')
  return parsed.ok
    ? ok({ type: 'x509', request: parsed.value })
    : refuse({ reason: 'csr_refused', because: parsed.refusal })
}

/** The name of the key that a certificate is asked for. Requests for different keys do not join. */
export const certifiedKeyName = ({ spki }: CertificateRequest): string => `spki:${sha256Base64url(spki)}`
