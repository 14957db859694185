import type { Result } from '../runtime/result.js'
import type { Workload } from './workload.js'

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

/** Proves who is asking, by an OIDC assertion. Never spends it: single use is claimed with the record (`grants/issuance-store.ts`). */
export interface VerifyWorkload {
  (assertion: string): Promise<Result<Workload, AssertionRefusal>>
}
