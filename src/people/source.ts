import type { KeySource } from '../workloads/source.js'
import type { Role } from './person.js'

/** One issuer of people's tokens, as configured and checked (contract §3, `people`). */
export type PeopleSource = OidcPeopleSource | LocalPeopleSource

export interface OidcPeopleSource {
  readonly kind: 'oidc'
  readonly name: string
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly groupsClaim: string
  /** The claim that joins one human's accounts; `email` needs `email_verified`. Absent: accounts are not joined. */
  readonly samePerson?: string
  /** Workload source to the claim that holds this person's id there. */
  readonly links: Readonly<Record<string, string>>
  readonly requirement: PersonRequirement
  readonly leeway: number
  readonly keys: KeySource
}

/** Loopback only: a key in the data directory signs 60-second tokens for the one local person. */
export interface LocalPeopleSource {
  readonly kind: 'local'
  readonly name: string
  readonly keyFile: string
  readonly groups: readonly string[]
  /** Who the local person is at workload sources; empty: linked to nobody. */
  readonly links: Readonly<Record<string, string>>
  readonly requirement: PersonRequirement
}

/** How strongly and how recently a person must have signed in (RFC 9470). */
export interface PersonRequirement {
  /** Greatest age of `auth_time`, seconds. */
  readonly maxAge?: number
  readonly acrValues?: readonly string[]
  readonly amr?: readonly string[]
}

/** Role to the groups that have it (contract §3, `roles`). */
export type RoleGroups = Readonly<Record<Role, readonly string[]>>
