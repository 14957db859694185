import type { EncodedEvent } from '../evidence/event.js'
import type { Person } from '../people/person.js'
import { resolveAccess } from '../policy/resolve-access.js'
import { splitScope } from '../oauth/scope.js'
import { shardOf, type GrantId } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { canonicalTerms, digestOf } from './digest.js'
import type { Grant } from './grant.js'
import type { GrantDeps } from './grant-deps.js'
import { joinTiers, type JoinedTier } from './join-tiers.js'
import { storedAsOf } from './lifecycle.js'
import { review, type ReviewContext, type ReviewRefusal, type ReviewRequest } from './review.js'
import { reviseGrant, type Change } from './revise-grant.js'

export type ReviewGrantRefusal = ReviewRefusal | { readonly reason: 'grant_unknown' } | { readonly reason: 'tier_gone' }

/** A person with the role of approver reviews a pending grant. A refusal is evidence: who tried what they may not. */
export async function reviewGrant(
  deps: GrantDeps,
  id: GrantId,
  person: Person,
  request: ReviewRequest,
): Promise<Result<Grant, ReviewGrantRefusal>> {
  const reviewed = await reviseGrant<ReviewGrantRefusal>(deps, id, (opened) => {
    const grant = storedAsOf(opened, deps.clock.now())
    const context = contextOf(deps, grant)
    if (context === undefined) return refuse({ reason: 'tier_gone' })
    const decided = review(grant, person, request, context)
    return decided.ok ? ok(changeOf(deps, grant, decided.value, person)) : decided
  })
  if (!reviewed.ok && reviewed.refusal.reason !== 'grant_unknown') {
    const { reason } = reviewed.refusal
    await deps.stores.evidence.append([
      deps.describe(
        shardOf(id),
        'review.refused',
        deps.clock.now(),
        { grantId: id, person: person.id },
        { reason, decision: request.decision },
      ),
    ])
  }
  return reviewed
}

/** The tier in force is the one of today's configuration: what it asks for must hold when people decide. `undefined`: something that the grant gives is not served any more. */
function contextOf(deps: GrantDeps, grant: Grant): ReviewContext | undefined {
  const tier = tierOf(deps, grant)
  if (tier === undefined) return undefined
  const source = deps.sources.get(grant.terms.delegate.issuer)
  return {
    tier,
    source: { name: source?.name ?? '', namesStarter: source?.mapping.startedBy !== undefined },
    now: deps.clock.now(),
  }
}

function tierOf({ catalogue }: Pick<GrantDeps, 'catalogue'>, { terms }: Grant): JoinedTier | undefined {
  const tiers = []
  for (const { audience, scope, authorization_details } of terms.access) {
    const resolved = resolveAccess(catalogue, [audience], splitScope(scope), authorization_details)
    if (!resolved.ok) return undefined
    tiers.push(...resolved.value.guards.map((guard) => guard.tier))
  }
  return tiers.length === 0 ? undefined : joinTiers([...new Set(tiers)])
}

function changeOf(deps: GrantDeps, from: Grant, to: Grant, person: Person): Change {
  const now = deps.clock.now()
  const shard = shardOf(from.terms.id)
  const subject = { grantId: from.terms.id, person: person.id }
  const made = to.reviews.at(-1)
  const events: EncodedEvent[] = [
    deps.describe(shard, 'review.recorded', now, subject, {
      decision: made?.decision ?? '',
      group: made?.group ?? '',
      reason: made?.reason ?? '',
      digest: made?.digest ?? '',
      same_person: made?.same_person ?? '',
      auth_time: made?.auth_time ?? 0,
      unseparated: made?.unseparated === true,
    }),
  ]
  if (digestOf(to.terms) !== digestOf(from.terms))
    events.push(
      deps.describe(shard, 'grant.narrowed', now, subject, {
        digest: digestOf(to.terms),
        terms: canonicalTerms(to.terms),
      }),
    )
  if (to.status === 'active')
    events.push(
      deps.describe(shard, 'grant.activated', now, subject, {
        digest: digestOf(to.terms),
        expires_at: to.expiresAt ?? 0,
      }),
    )
  if (to.status === 'denied') events.push(deps.describe(shard, 'grant.denied', now, subject))
  return { grant: to, events }
}
