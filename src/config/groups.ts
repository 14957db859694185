import type { Role } from '../people/person.js'
import type { Draft } from './draft.js'
import type { Path, Report } from './fault.js'
import { hint } from './suggest.js'

const ROLES: readonly Role[] = ['approver', 'operator', 'auditor']

/** The groups that somebody gave a role: only those mean anything here. */
const knownGroups = (draft: Draft): readonly string[] => [
  ...new Set(ROLES.flatMap((role) => draft.roles?.[role] ?? [])),
]

/** A group that has no role, in a configuration with people, is a slip of the pen. Where nobody decides, groups are only names. */
export function checkGroup(group: string, at: Path, draft: Draft, report: Report): void {
  if (draft.people.length === 0 || draft.roles === undefined) return
  const known = knownGroups(draft)
  if (!known.includes(group)) report(at, 'is not a known group', hint(group, known, 'groups with a role'))
}

/** With several issuers of people, a bare group would be whoever's: the name of the issuer stands before it. */
export function checkRoles(draft: Draft, report: Report): void {
  const names = draft.people.flatMap((entry) => (entry === undefined ? [] : [entry.name]))
  if (draft.people.length < 2 || names.length < draft.people.length) return
  for (const role of ROLES) {
    draft.roles?.[role].forEach((group, position) => {
      if (names.some((name) => group.startsWith(`${name}/`) && group.length > name.length + 1)) return
      const remedy = `write ${names.map((name) => `${name}/${group}`).join(' or ')}`
      report(['roles', role, position], 'does not say whose group it is', remedy)
    })
  }
}
