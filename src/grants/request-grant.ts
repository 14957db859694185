import type { Person } from '../people/person.js'
import type { Guard } from '../policy/catalogue.js'
import { nameNotAllowed } from '../policy/certificate-names.js'
import { decide, isForRules } from '../policy/decide.js'
import { resolveAccess, type AccessRefusal } from '../policy/resolve-access.js'
import { formatTime, type EpochSeconds } from '../runtime/clock.js'
import { shardOfWorkload, type Shard } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { delegateCovers, deriveDelegate, statedAnchor } from '../workloads/delegate.js'
import { compilePattern } from '../workloads/pattern.js'
import { keyNames, type ProofOfPossession } from '../workloads/possession.js'
import type { WorkloadSource } from '../workloads/source.js'
import type { Workload } from '../workloads/workload.js'
import { claimsOn } from './assertion-claim.js'
import { canonicalTerms, digestOf } from './digest.js'
import type {
  Access,
  AuthorizationDetail,
  Binding,
  CertificateNames,
  CredentialType,
  Delegate,
  Grant,
  Terms,
} from './grant.js'
import type { GrantDeps } from './grant-deps.js'
import type { GrantIndex } from './grant-store.js'
import { joinBindings, joinTiers, type JoinedTier } from './join-tiers.js'
import { startedByOf } from './separation.js'
import { submitGrant } from './submit-grant.js'
import { anchorKeyOf, hasRunIds, whereaboutsOf } from './whereabouts.js'

/** `POST /grants`, parsed: what is asked for beforehand (contract §1, "A grant"). */
export interface GrantBody {
  readonly delegate?: Delegate
  readonly task: { readonly description: string; readonly reference: string; readonly max_tasks: number }
  readonly access: readonly {
    readonly audience: string
    readonly scope: readonly string[]
    readonly authorization_details: readonly AuthorizationDetail[]
  }[]
  /** Types sorted, without repeats. */
  readonly credential: {
    readonly types: readonly CredentialType[]
    readonly max_ttl_seconds?: number
    /** In force is the stronger of this and the tier's. */
    readonly binding: Binding
    readonly names?: CertificateNames
  }
  readonly delegation: Terms['delegation']
  readonly duration_seconds: number
  readonly purpose: string
}

export type Requesting =
  { readonly workload: Workload; readonly proof: ProofOfPossession } | { readonly person: Person }

export type GrantRefusal =
  | AccessRefusal
  | { readonly reason: 'delegate_missing' }
  | { readonly reason: 'delegate_not_self' }
  | { readonly reason: 'delegate_issuer_unknown' }
  | { readonly reason: 'delegate_without_anchor'; readonly claim: string }
  | { readonly reason: 'delegate_malformed'; readonly name: string }
  | { readonly reason: 'several_tasks' }
  /** `same_person` does not tell which person asks: nobody could be told apart from them, so nobody could approve. */
  | { readonly reason: 'person_ambiguous' }
  | { readonly reason: 'type_not_issued' }
  | { readonly reason: 'binding_unavailable' }
  | { readonly reason: 'names_without_certificate' }
  | { readonly reason: 'name_not_allowed'; readonly name: string }
  | { readonly reason: 'audience_repeated' }
  | { readonly reason: 'decided_by_rules' }
  | { readonly reason: 'policy_denied' }
  | { readonly reason: 'window_too_long'; readonly longest: number }
  | { readonly reason: 'delegation_too_wide' }
  | { readonly reason: 'assertion_used' }
  | { readonly reason: 'run_ended' }
  | { readonly reason: 'cooling_down'; readonly until: EpochSeconds }
  | { readonly reason: 'too_many_pending' }
  | { readonly reason: 'equal_pending'; readonly id: string }

/** Who it is for, and where the store keeps it. */
interface Whose {
  readonly source: WorkloadSource
  readonly delegate: Delegate
  readonly sealed: Readonly<Record<string, string>>
  readonly shard: Shard
  readonly anchorKey: string
  readonly index: GrantIndex
}

/** Asks people for a grant, beforehand. A workload asks for itself and for one task; people ask for whom they like. */
export async function requestGrant(
  deps: GrantDeps,
  by: Requesting,
  body: GrantBody,
): Promise<Result<Grant, GrantRefusal>> {
  if ('person' in by && by.person.samePerson === undefined) return refuse({ reason: 'person_ambiguous' })
  const whose = 'workload' in by ? ownDelegate(deps, by.workload, body) : statedDelegate(deps, body)
  if (!whose.ok) return whose
  const asked = resolveAll(deps, body)
  if (!asked.ok) return asked
  const { tier, access, guards } = asked.value
  const refusal = measureRefusal(body, tier) ?? rulesRefusal(guards, by)
  if (refusal !== undefined) return refuse(refusal)

  const grant = grantOf(deps, by, body, whose.value, tier, access)
  const submitted = await submitGrant(deps, {
    grant,
    index: whose.value.index,
    anchorKey: whose.value.anchorKey,
    claims: 'workload' in by ? claimsOn([by.workload], grant.terms.id, '', keyNames(by.proof)) : [],
    events: [
      deps.describe(
        whose.value.shard,
        'grant.requested',
        grant.createdAt,
        {
          grantId: grant.terms.id,
          ...('workload' in by ? { workload: by.workload.spiffeId } : { person: by.person.id }),
        },
        { digest: digestOf(grant.terms), terms: canonicalTerms(grant.terms) },
      ),
    ],
  })
  switch (submitted.kind) {
    case 'requested':
      return ok(grant)
    case 'equal_pending':
      return refuse({ reason: 'equal_pending', id: submitted.grantId })
    case 'cooling_down':
      return refuse({ reason: 'cooling_down', until: submitted.until })
    case 'claim_taken':
      return refuse({ reason: 'assertion_used' })
    case 'run_ended':
    case 'too_many_pending':
      return refuse({ reason: submitted.kind })
  }
}

function ownDelegate(deps: GrantDeps, workload: Workload, body: GrantBody): Result<Whose, GrantRefusal> {
  if (body.delegate !== undefined && !delegateCovers(body.delegate, workload))
    return refuse({ reason: 'delegate_not_self' })
  if (body.task.max_tasks !== 1) return refuse({ reason: 'several_tasks' })
  const source = deps.sources.get(workload.issuer)
  if (source === undefined) return refuse({ reason: 'delegate_issuer_unknown' })
  const where = whereaboutsOf(workload, '')
  return ok({
    source,
    delegate: deriveDelegate(workload),
    sealed: workload.sealed,
    shard: workload.shard,
    anchorKey: where.anchor,
    // Without run ids nobody knows yet which errand will use it: it is found as the workload's own.
    index: hasRunIds(workload) ? { run: where.run } : { anchor: where.anchor },
  })
}

/** Every delegate states the preset's anchor claim exactly (invariant 11). */
function statedDelegate(deps: GrantDeps, { delegate }: GrantBody): Result<Whose, GrantRefusal> {
  if (delegate === undefined) return refuse({ reason: 'delegate_missing' })
  const source = deps.sources.get(delegate.issuer)
  if (source === undefined) return refuse({ reason: 'delegate_issuer_unknown' })
  const patterns = [['subject', delegate.subject] as const, ...Object.entries(delegate.claims)]
  const malformed = patterns.find(([, pattern]) => !compilePattern(pattern).ok)
  if (malformed !== undefined) return refuse({ reason: 'delegate_malformed', name: malformed[0] })
  const anchor = statedAnchor(delegate, source.mapping.anchor)
  if (anchor === undefined) return refuse({ reason: 'delegate_without_anchor', claim: source.mapping.anchor })
  const anchorKey = anchorKeyOf(source.name, anchor)
  return ok({
    source,
    delegate,
    sealed: {},
    shard: shardOfWorkload(source.name, anchor),
    anchorKey,
    index: { anchor: anchorKey },
  })
}

interface AllAsked {
  readonly access: readonly Access[]
  readonly guards: readonly Guard[]
  readonly tier: JoinedTier
}

function resolveAll(deps: GrantDeps, body: GrantBody): Result<AllAsked, GrantRefusal> {
  const access: Access[] = []
  const guards: Guard[] = []
  const { types, names } = body.credential
  if (names !== undefined && !types.includes('x509')) return refuse({ reason: 'names_without_certificate' })
  for (const wanted of body.access) {
    const resolved = resolveAccess(deps.catalogue, [wanted.audience], wanted.scope, wanted.authorization_details)
    if (!resolved.ok) return resolved
    const { resource } = resolved.value
    if (access.some(({ audience }) => audience === resource.audience)) return refuse({ reason: 'audience_repeated' })
    if (!types.every((type) => resource.credentials.includes(type))) return refuse({ reason: 'type_not_issued' })
    const name = names && nameNotAllowed(resource.certificateNames, names)
    if (name !== undefined) return refuse({ reason: 'name_not_allowed', name })
    access.push(resolved.value.access)
    guards.push(...resolved.value.guards)
  }
  const tier = joinTiers([...new Set(guards.map((guard) => guard.tier))])
  const binding = joinBindings(tier?.binding, body.credential.binding)
  if (tier === undefined || binding === undefined) return refuse({ reason: 'tiers_incompatible' })
  // A certificate that is issued is bound by itself.
  if (binding === 'mtls' && !deps.takesCertificates && !types.includes('x509'))
    return refuse({ reason: 'binding_unavailable' })
  return ok({ access, guards, tier: { ...tier, binding } })
}

function measureRefusal(body: GrantBody, tier: JoinedTier): GrantRefusal | undefined {
  if (body.duration_seconds > tier.maxWindow) return { reason: 'window_too_long', longest: tier.maxWindow }
  const { to, max_depth, max_children } = body.delegation
  const wide = max_depth > tier.maxDepth || max_children > tier.maxChildren || (to.length === 0) !== (max_depth === 0)
  return wide ? { reason: 'delegation_too_wide' } : undefined
}

/**
 * What rules decide needs no grant: they are asked at each exchange.
 * What needs both is asked of people when the rules permit it.
 */
function rulesRefusal(guards: readonly Guard[], by: Requesting): GrantRefusal | undefined {
  if (isForRules(guards)) return { reason: 'decided_by_rules' }
  if ('workload' in by && !decide(guards, by.workload).permitted) return { reason: 'policy_denied' }
  return undefined
}

function grantOf(
  deps: GrantDeps,
  by: Requesting,
  body: GrantBody,
  whose: Whose,
  tier: JoinedTier,
  access: readonly Access[],
): Grant {
  const now = deps.clock.now()
  const terms: Terms = {
    v: 1,
    issuer: deps.issuer,
    id: deps.ids.grantId(whose.shard),
    tier: tier.name,
    delegate: whose.delegate,
    sealed: whose.sealed,
    task: body.task,
    access,
    credential: {
      types: body.credential.types,
      max_ttl_seconds: Math.min(body.credential.max_ttl_seconds ?? tier.maxTtl, tier.maxTtl),
      binding: tier.binding,
      ...(body.credential.names === undefined ? {} : { names: body.credential.names }),
    },
    delegation: body.delegation,
    purpose: body.purpose,
    requested_by:
      'workload' in by ? { kind: 'workload', id: by.workload.spiffeId } : { kind: 'person', id: by.person.id },
    owner: whose.source.owner,
    decide_by: formatTime(now + tier.decideWithin),
    duration_seconds: body.duration_seconds,
    required_reviews: tier.requiredReviews,
  }
  return {
    terms,
    status: 'pending',
    createdAt: now,
    reviews: [],
    ...('person' in by && by.person.samePerson !== undefined ? { requesterSamePerson: by.person.samePerson } : {}),
    ...('workload' in by ? startedByOf(by.workload) : {}),
  }
}
