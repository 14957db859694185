import type { Result } from '../runtime/result.js'
import type { Person } from './person.js'
import type { PersonRequirement } from './source.js'

export type PersonRefusal =
  /** Not a token of a people issuer, or not acceptable: 401 `invalid_token`. */
  | { readonly reason: 'person_token_invalid'; readonly detail: string }
  /** Good, but too old or too weak: 401 with the RFC 9470 challenge. */
  | { readonly reason: 'person_too_weak'; readonly requirement: PersonRequirement }
  /** The issuer's keys cannot be had: 503, nothing is said about the token. */
  | { readonly reason: 'person_issuer_unavailable'; readonly issuer: string }

/** What the edge knows of the caller's connection. */
export interface PersonCaller {
  /** The TCP peer is this machine and no proxy stands between. */
  readonly loopback: boolean
}

export interface VerifyPerson {
  /**
   * `requirement` is what the act asks for on top of the source's own (a tier's `fresh`). The local person is believed only
   * where `caller` says loopback, so who does not pass it refuses them.
   */
  (token: string, requirement?: PersonRequirement, caller?: PersonCaller): Promise<Result<Person, PersonRefusal>>
}
