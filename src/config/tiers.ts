import type { Tier } from '../policy/catalogue.js'
import type { ResourceEntry, TierEntry } from './document.js'
import type { Draft } from './draft.js'
import type { Report } from './fault.js'
import { hint } from './suggest.js'

const DEFAULT_PENDING = 3600

export function settleTiers(draft: Draft, report: Report): ReadonlyMap<string, Tier> {
  const tiers = new Map<string, Tier>()
  for (const [name, entry] of draft.tiers) {
    if (entry === undefined) continue
    checkApproval(name, entry, draft, report)
    checkBinding(name, entry, draft, report)
    tiers.set(name, settleTier(name, entry, draft))
  }
  return tiers
}

/** Where people approve, they sign: approvals by bearer token alone must be asked for (contract §3). */
export const isSigned = (entry: TierEntry): boolean => entry.signed ?? entry.approval !== 'policy'

const settleTier = (name: string, entry: TierEntry, draft: Draft): Tier => ({
  name,
  approval: entry.approval,
  signed: isSigned(entry),
  separation: entry.separation,
  binding: entry.binding,
  maxTtl: entry.max_ttl,
  fresh: entry.fresh,
  decideWithin: entry.decide_within ?? draft.limits?.pending ?? DEFAULT_PENDING,
  maxWindow: entry.max_window,
  maxDepth: entry.delegation.max_depth,
  maxChildren: entry.delegation.max_children,
})

function checkApproval(name: string, entry: TierEntry, draft: Draft, report: Report): void {
  const at = ['tiers', name]
  if (entry.approval === 'policy') {
    if (entry.signed === true) report([...at, 'signed'], 'asks for signatures where no person approves', 'take it out')
    return
  }
  if (draft.people.length === 0) {
    report([...at, 'approval'], 'asks for people, and there are none', 'add the issuer of their tokens under people')
  }
  const approvers = draft.roles?.approver
  const seen = new Set<string>()
  entry.approval.forEach(({ group }, position) => {
    const path = [...at, 'approval', position, 'group']
    if (seen.has(group)) report(path, 'stands here twice', 'one entry for each group, with the count that it needs')
    seen.add(group)
    if (approvers?.includes(group) !== false) return
    report(path, 'is not an approver group', hint(group, approvers, 'groups under roles.approver'))
  })
}

/**
 * Where a tier asks for a client's certificate and nobody can show one, each request is refused. A certificate that is
 * issued is bound by itself: it can be had under such a tier without a listener, a JWT cannot. A join asks for a
 * certificate only if one of its tiers does (`joinBindings`), and all of them are of one resource.
 */
function checkBinding(name: string, { binding }: TierEntry, { listen, resources }: Draft, report: Report): void {
  // A listener that has been reported may be the one that is meant.
  if (binding !== 'mtls' || listen.some((entry) => entry === undefined || entry.serve.includes('mtls'))) return
  const unmet = resources.filter(
    (entry) => entry !== undefined && uses(entry, name) && !entry.credentials.includes('x509'),
  )
  if (unmet.length === 0) return
  const where = unmet.map((entry) => entry?.audience).join(' and ')
  const remedy = `add a listener with serve: [mtls], take binding: dpop or any, or add x509 to the credentials of ${where}`
  report(['tiers', name, 'binding'], 'asks for a certificate that no listener takes', remedy)
}

const uses = ({ scopes, authorization_details }: ResourceEntry, tier: string): boolean =>
  [...Object.values(scopes), ...Object.values(authorization_details)].some(
    (guard) => (typeof guard === 'string' ? guard : guard.tier) === tier,
  )
