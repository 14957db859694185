import type { AuthorizationDetail } from '../grants/grant.js'
import type { CredentialId, GrantId, TaskId } from '../runtime/ids.js'
import type { ExchangeRefusal } from './refusal.js'

/** What becomes of a request to `/token`. */
export type Outcome = Issued | Ticketed | Deferred | Pending | Refused

export interface Issued {
  readonly kind: 'issued'
  readonly credentialId: CredentialId
  readonly token: string
  readonly issuedTokenType: string
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A'
  readonly expiresIn: number
  readonly scope: string
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly grantId: GrantId
  readonly taskId: TaskId
  readonly leaseSeconds: number
}

/** A ticket was made: it has no record that could be voided. */
export interface Ticketed {
  readonly kind: 'ticketed'
  readonly ticket: string
  readonly expiresIn: number
  readonly scope: string
  readonly authorizationDetails: readonly AuthorizationDetail[]
  readonly grantId: GrantId
  readonly taskId: TaskId
}

export interface Deferred {
  readonly kind: 'deferred'
  readonly deferralCode: string
  readonly expiresIn: number
  readonly interval: number
  readonly grantId: GrantId
}

/** A poll, and nobody has decided yet. */
export interface Pending {
  readonly kind: 'pending'
}

export interface Refused {
  readonly kind: 'refused'
  readonly refusal: ExchangeRefusal
}

export const refused = (refusal: ExchangeRefusal): Refused => ({ kind: 'refused', refusal })
