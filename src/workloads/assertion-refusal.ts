import type { UnmetClaim } from './compiled-source.js'

/** Why an assertion is not believed. The caller learns none of this, the log and the evidence do. */
export type AssertionRefusal =
  | { readonly reason: 'assertion_malformed'; readonly detail: string }
  | { readonly reason: 'assertion_issuer_unknown'; readonly issuer: string }
  | { readonly reason: 'assertion_issuer_unavailable'; readonly issuer: string }
  | { readonly reason: 'assertion_key_unknown'; readonly issuer: string }
  | { readonly reason: 'assertion_algorithm_not_allowed'; readonly issuer: string; readonly alg: string }
  | { readonly reason: 'assertion_signature_invalid'; readonly issuer: string }
  | { readonly reason: 'assertion_audience_mismatch'; readonly issuer: string }
  | { readonly reason: 'assertion_expired'; readonly issuer: string }
  | { readonly reason: 'assertion_not_yet_valid'; readonly issuer: string }
  | { readonly reason: 'assertion_too_old'; readonly issuer: string }
  | { readonly reason: 'assertion_claim_missing'; readonly issuer: string; readonly claim: string }
  | { readonly reason: 'assertion_claim_not_accepted'; readonly issuer: string; readonly claim: string }
  /** A foreign assertion with `act` is refused: it speaks for somebody else. */
  | { readonly reason: 'assertion_delegated'; readonly issuer: string }
  /** The cluster no longer stands by it: the pod or its account was deleted (`token-review.ts`). */
  | { readonly reason: 'assertion_not_live'; readonly issuer: string }
  | { readonly reason: 'assertion_review_unavailable'; readonly issuer: string }
  /** The chain of an attestation or of an X.509-SVID; `because` says what of it, for the log. */
  | { readonly reason: 'assertion_certificate_not_accepted'; readonly issuer: string; readonly because: string }

/** Nothing can be said of the assertion: who would have to say it does not answer. Answered by 503, not by a refusal. */
export const isAssertionOutage = ({ reason }: { readonly reason: string }): boolean =>
  reason === 'assertion_issuer_unavailable' || reason === 'assertion_review_unavailable'

export const claimRefusal = (issuer: string, { claim, missing }: UnmetClaim): AssertionRefusal => ({
  reason: missing ? 'assertion_claim_missing' : 'assertion_claim_not_accepted',
  issuer,
  claim,
})
