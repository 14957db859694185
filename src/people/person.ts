import type { EpochSeconds } from '../runtime/clock.js'

export type Role = 'approver' | 'operator' | 'auditor'

/** A person who has proved who they are, now. Only `people/` makes one. */
export interface Person {
  /** `<people name>:<sub>` (contract §1). */
  readonly id: string
  /** The name of the `people` entry. */
  readonly source: string
  /** Groups as roles name them: bare with one people issuer, `<people name>/<group>` with several. */
  readonly groups: readonly string[]
  readonly roles: readonly Role[]
  readonly authTime: EpochSeconds
  readonly acr?: string
  readonly amr: readonly string[]
  /** One human over all their accounts: the value of the `same_person` claim, else `id`. `undefined` when the claim is missing or unverified: then this person's review is refused. */
  readonly samePerson: string | undefined
  /** Who this person is at each workload source: `links` (source name → that source's id for them). */
  readonly links: Readonly<Record<string, string>>
  /** For people to read. */
  readonly displayName?: string
}
