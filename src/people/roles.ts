import type { Role } from './person.js'
import type { RoleGroups } from './source.js'

const ROLES: readonly Role[] = ['approver', 'operator', 'auditor']

export const rolesOf = (groups: readonly string[], roleGroups: RoleGroups): readonly Role[] =>
  ROLES.filter((role) => roleGroups[role].some((group) => groups.includes(group)))

/** Groups as roles and tiers name them: bare while there is one people issuer, `<people name>/<group>` from two on. */
export const groupNamer =
  (peopleSources: number) =>
  (source: string, group: string): string =>
    peopleSources > 1 ? `${source}/${group}` : group
