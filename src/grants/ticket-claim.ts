import type { TicketClaims } from '../issuance/jwt.js'
import { sha256Base64url } from '../runtime/digest.js'
import type { Claim } from './grant-store.js'

/** A ticket serves once: by redeeming it, or by revoking it. */
export const ticketClaim = ({ jti, exp }: Pick<TicketClaims, 'jti' | 'exp'>): Claim => ({
  key: sha256Base64url(jti),
  binding: '',
  until: exp,
})
