import type { CredentialType } from '../grants/grant.js'
import type { Binding } from '../grants/grant.js'
import type { OAuthError, OAuthErrorCode } from '../oauth/error.js'
import { isAssertionOutage } from '../workloads/assertion-refusal.js'
import type { ExchangeRefusal } from './refusal.js'

const wire = (
  error: OAuthErrorCode,
  description: string,
  more?: Omit<OAuthError, 'error' | 'description'>,
): OAuthError => ({
  error,
  description,
  ...more,
})

/** The one map from inner reasons to what the caller is told (contract §1). No default: a new reason does not compile until it is mapped. */
export function refusalToWire(refusal: ExchangeRefusal): OAuthError {
  if (isOutage(refusal))
    return wire('temporarily_unavailable', 'the issuer of the assertion cannot be asked now', { retryAfter: 5 })
  switch (refusal.reason) {
    case 'subject_refused':
      return wire('invalid_request', 'the subject_token is not acceptable here')
    case 'actor_refused':
      return wire('invalid_request', 'the actor_token is not acceptable here')
    case 'client_refused':
      return wire('invalid_client', 'the client_assertion is not acceptable here')
    case 'client_missing':
      return wire(
        'invalid_client',
        'send a client_assertion, or prove the key that this is bound to: it proves that you are who it was given to',
      )
    case 'client_id_mismatch':
      return wire('invalid_client', 'the client_id is not the one of the assertion')
    case 'token_misused':
      return wire('invalid_request', refusal.detail)
    case 'actor_token_unexpected':
      return wire('invalid_request', 'an actor_token goes with a ticket only')
    case 'proof_refused':
      return wire('invalid_dpop_proof', 'the DPoP proof is not good for this request')
    case 'proof_nonce_needed':
      return wire('use_dpop_nonce', 'make a proof with the nonce of the DPoP-Nonce header')
    case 'proof_used':
      return wire('invalid_dpop_proof', 'the DPoP proof has been used: make a fresh one')
    case 'binding_missing':
      return bindingMissing(refusal.binding)
    case 'key_not_proved':
      return refusal.binding === 'mtls'
        ? wire('invalid_request', 'the credential is bound to a client certificate: show that certificate')
        : wire('invalid_dpop_proof', 'the credential is bound to a key: send a DPoP proof of that key')
    case 'certificate_not_proved':
      return wire(
        'invalid_client',
        'a certificate is public: show it by mutual TLS, or send a client_assertion of the run that it was issued to',
      )
    case 'task_missing':
      return wire('invalid_request', 'send task: this source does not name its runs')
    case 'type_not_issued':
      return wire(
        'invalid_request',
        `this target takes no ${NAMES[refusal.type]}: ask for another requested_token_type`,
      )
    case 'csr_refused':
      return wire('invalid_request', refusal.because.detail)
    case 'type_not_granted':
      return wire('invalid_grant', 'the grant does not give this type of credential')
    case 'assertion_used':
      return wire('invalid_request', 'the assertion has been used: each serves once, get a fresh one')
    case 'ticket_used':
      return wire('invalid_request', 'the ticket has been used')
    case 'target_missing':
      return wire('invalid_target', 'send audience or resource: where the credential will be used')
    case 'target_unknown':
      return wire('invalid_target', 'the requested target is not served here')
    case 'target_several':
      return wire('invalid_target', 'exactly one target can be asked for')
    case 'scope_missing':
      return wire('invalid_scope', 'send scope or authorization_details')
    case 'scope_unknown':
      return wire('invalid_scope', 'the scope is not known at this target')
    case 'scope_wider':
      return wire('invalid_scope', 'the scope is wider than what was granted')
    case 'tiers_incompatible':
      return wire('invalid_scope', 'these scopes cannot be asked for together: they need different bindings')
    case 'details_type_unknown':
      return wire('invalid_authorization_details', 'a type of authorization_details is not known at this target')
    case 'details_invalid':
      return wire('invalid_authorization_details', 'authorization_details do not fit the schema of their type')
    case 'details_wider':
      return wire('invalid_authorization_details', 'authorization_details are wider than what was granted')
    case 'grants_several':
      return wire('invalid_request', 'several grants cover this request: name one by grant_id', {
        members: { grant_ids: refusal.ids },
      })
    case 'grant_not_usable':
      return wire('invalid_grant', 'the grant is unknown to you, or it is not in force')
    case 'task_ended':
      return wire('invalid_grant', 'the task has ended')
    case 'parent_ended':
      return wire('invalid_request', 'the credential that this comes from has ended')
    case 'run_ended':
      return wire('access_denied', 'the run has ended')
    case 'not_covered':
      return wire(
        'access_denied',
        'no grant covers this request: send completion_mode=deferred with a purpose to ask for one',
      )
    case 'policy_denied':
      return wire('access_denied', 'no rule allows this request')
    case 'purpose_missing':
      return wire('access_denied', 'no grant covers this request, and without a purpose nobody can be asked')
    case 'deferral_unbound':
      return wire(
        'access_denied',
        'no grant covers this request: send a client_assertion or prove a key, so that you can be asked to wait',
      )
    case 'cooling_down':
      return wire('access_denied', 'an equal request was denied a short time ago')
    case 'denied':
      return wire('access_denied', 'the request was denied')
    case 'deferral_cancelled':
      return wire('access_denied', 'the request was cancelled')
    case 'delegation_not_allowed':
      return wire('access_denied', 'the grant does not allow handing this on')
    case 'over_children':
      return wire('access_denied', 'as many were handed on as the grant allows')
    case 'deferral_unknown':
      return wire('invalid_grant', 'the deferral_code is not known')
    case 'deferral_redeemed':
      return wire('invalid_grant', 'the deferral_code has been redeemed')
    case 'deferral_expired':
      return wire('expired_token', 'the deferral_code has expired')
    case 'poll_too_fast':
      return wire('slow_down', 'wait for 5 seconds longer between polls from now on')
    case 'too_many_pending':
      return tooMany('as many requests wait for people as may', 60)
    case 'too_many_errands':
      return tooMany('as many errands of this run are open as may: complete some', 60)
    case 'too_fast':
      return tooMany('too many requests', refusal.retryAfter)
  }
}

/** The contract has a code for a missing DPoP proof. A missing certificate is no failed client authentication: it is a request to the wrong place. */
const bindingMissing = (binding: Binding): OAuthError =>
  binding === 'mtls'
    ? wire(
        'invalid_request',
        'this must be bound to a client certificate: show one, at the endpoint of mtls_endpoint_aliases',
      )
    : wire(
        'invalid_dpop_proof',
        binding === 'any'
          ? 'this must be bound to a key: send a DPoP proof, or show a client certificate'
          : 'this must be bound to a key: send a DPoP proof',
      )

const NAMES: Readonly<Record<CredentialType, string>> = { jwt: 'JWT', x509: 'certificate' }

/** Nothing can be said of the assertion: its issuer does not answer. */
export const isOutage = (refusal: ExchangeRefusal): boolean =>
  'because' in refusal && isAssertionOutage(refusal.because)

const tooMany = (description: string, retryAfter: number): OAuthError =>
  wire('temporarily_unavailable', description, { retryAfter, status: 429 })
