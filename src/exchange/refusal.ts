import type { Binding, CredentialType } from '../grants/grant.js'
import type { AccessRefusal } from '../policy/resolve-access.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { GrantId } from '../runtime/ids.js'
import type { AssertionRefusal } from '../workloads/assertion-refusal.js'
import type { ClientRefusal } from '../workloads/client-refusal.js'
import type { CsrRefusal } from '../x509/csr.js'

/**
 * Every reason for which `/token` says no, each with its facts. `refusal-to-wire.ts` says what the caller learns of it.
 */
export type ExchangeRefusal =
  | { readonly reason: 'subject_refused'; readonly because: AssertionRefusal | { readonly reason: string } }
  | { readonly reason: 'actor_refused'; readonly because: AssertionRefusal | { readonly reason: string } }
  | ClientRefusal
  /** The token is not what its parameters say, or may not be used for what is asked (invariant 5). */
  | { readonly reason: 'token_misused'; readonly detail: string }
  | { readonly reason: 'actor_token_unexpected' }
  /** The tier or the grant asks for a key, and none of that kind was proved. */
  | { readonly reason: 'binding_missing'; readonly binding: Binding }
  | { readonly reason: 'task_missing' }
  | { readonly reason: 'type_not_issued'; readonly type: CredentialType }
  | { readonly reason: 'csr_refused'; readonly because: CsrRefusal }
  | { readonly reason: 'type_not_granted' }
  | { readonly reason: 'assertion_used' }
  | { readonly reason: 'ticket_used' }
  | AccessRefusal
  | { readonly reason: 'scope_wider' }
  | { readonly reason: 'details_wider' }
  | { readonly reason: 'grants_several'; readonly ids: readonly GrantId[] }
  | { readonly reason: 'grant_not_usable' }
  | { readonly reason: 'task_ended' }
  | { readonly reason: 'run_ended' }
  | { readonly reason: 'not_covered' }
  | { readonly reason: 'policy_denied' }
  | { readonly reason: 'purpose_missing' }
  | { readonly reason: 'deferral_unbound' }
  | { readonly reason: 'cooling_down'; readonly until: EpochSeconds }
  | { readonly reason: 'too_many_pending' }
  | { readonly reason: 'too_many_errands' }
  | { readonly reason: 'delegation_not_allowed' }
  | { readonly reason: 'over_children' }
  | { readonly reason: 'parent_ended' }
  | { readonly reason: 'deferral_unknown' }
  | { readonly reason: 'deferral_redeemed' }
  | { readonly reason: 'deferral_cancelled' }
  | { readonly reason: 'deferral_expired' }
  | { readonly reason: 'denied' }
  | { readonly reason: 'poll_too_fast' }
