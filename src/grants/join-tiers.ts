import type { Tier } from '../policy/catalogue.js'
import type { Binding, RequiredReview } from './grant.js'

/**
 * The tier in force over everything that is asked (contract §1): all reviews, the shortest
 * lifetime and freshness, the strongest binding, signed if any is.
 */
export interface JoinedTier extends Omit<Tier, 'approval'> {
  /** Sorted names joined by `+`. */
  readonly name: string
  /** Sorted by group; empty when every tier's approval is `policy`. */
  readonly requiredReviews: readonly RequiredReview[]
}

/** `undefined`: `dpop` and `mtls` cannot both be met by one credential. `tiers` is not empty. */
export function joinTiers(tiers: readonly Tier[]): JoinedTier | undefined {
  const binding = tiers.map((tier) => tier.binding).reduce<Binding | undefined>(joinBindings, 'none')
  if (binding === undefined) return undefined
  const least = (pick: (tier: Tier) => number): number => Math.min(...tiers.map(pick))
  return {
    name: [...new Set(tiers.map((tier) => tier.name))].sort().join('+'),
    requiredReviews: allReviews(tiers),
    signed: tiers.some((tier) => tier.signed),
    separation: tiers.some((tier) => tier.separation === 'strict') ? 'strict' : 'best_effort',
    binding,
    maxTtl: least((tier) => tier.maxTtl),
    fresh: least((tier) => tier.fresh),
    decideWithin: least((tier) => tier.decideWithin),
    maxWindow: least((tier) => tier.maxWindow),
    maxDepth: least((tier) => tier.maxDepth),
    maxChildren: least((tier) => tier.maxChildren),
  }
}

/** The stronger of the two; `undefined`: one credential cannot be bound to both kinds of key. */
export function joinBindings(a: Binding | undefined, b: Binding): Binding | undefined {
  if (a === undefined || a === b) return a
  if (a === 'none') return b
  if (b === 'none') return a
  if (a === 'any') return b
  return b === 'any' ? a : undefined
}

/** Of a group that several tiers name, the greatest count. */
function allReviews(tiers: readonly Tier[]): readonly RequiredReview[] {
  const counts = new Map<string, number>()
  for (const { approval } of tiers)
    for (const { group, count } of approval === 'policy' ? [] : approval)
      counts.set(group, Math.max(count, counts.get(group) ?? 0))
  return [...counts].map(([group, count]) => ({ group, count })).sort((a, b) => (a.group < b.group ? -1 : 1))
}
