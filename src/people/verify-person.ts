import type { Result } from '../runtime/result.js'
import type { Person } from './person.js'
import type { PersonRequirement } from './source.js'

export type PersonRefusal =
  /** Not a token of a people issuer, or not acceptable: 401 `invalid_token`. */
  | { readonly reason: 'person_token_invalid'; readonly detail: string }
  /** Good, but too old or too weak: 401 with the RFC 9470 challenge. */
  | { readonly reason: 'person_too_weak'; readonly requirement: PersonRequirement }

export interface VerifyPerson {
  /** `requirement` is what the act asks for on top of the source's own (a tier's `fresh`). */
  (token: string, requirement?: PersonRequirement): Promise<Result<Person, PersonRefusal>>
}
