import type { Binding } from '../grants/grant.js'
import type { AssertionRefusal } from './assertion-refusal.js'
import type { DpopRefusal } from './dpop.js'
import type { KeyConfirmation } from './possession.js'

/** Why it is not believed who sent a request, or that they hold the keys it is about: at `/token` and at `/revoke`. */
export type ClientRefusal =
  | { readonly reason: 'client_refused'; readonly because: AssertionRefusal | { readonly reason: string } }
  | { readonly reason: 'client_missing' }
  | { readonly reason: 'client_id_mismatch' }
  /** A DPoP proof was sent, and is not believed. */
  | { readonly reason: 'proof_refused'; readonly because: Exclude<DpopRefusal, { reason: 'dpop_nonce_needed' }> }
  | { readonly reason: 'proof_nonce_needed' }
  | { readonly reason: 'proof_used' }
  /** A credential of ours that is bound came without a proof of its key. */
  | { readonly reason: 'key_not_proved'; readonly binding: Binding }
  /** A certificate came alone: whoever has met its holder has it too. */
  | { readonly reason: 'certificate_not_proved' }
  /** Whoever it is asks too often. Seconds to wait. */
  | { readonly reason: 'too_fast'; readonly retryAfter: number }

export const proofRefusal = (refusal: DpopRefusal): ClientRefusal =>
  refusal.reason === 'dpop_nonce_needed'
    ? { reason: 'proof_nonce_needed' }
    : { reason: 'proof_refused', because: refusal }

/** The key of a credential of ours was not proved with it: whoever only received it cannot. */
export const keyNotProved = (confirmation: KeyConfirmation): ClientRefusal => ({
  reason: 'key_not_proved',
  binding: 'jkt' in confirmation ? 'dpop' : 'mtls',
})
