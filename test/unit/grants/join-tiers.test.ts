import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Binding } from '../../../src/grants/grant.js'
import { joinTiers, type JoinedTier } from '../../../src/grants/join-tiers.js'
import type { Tier } from '../../../src/policy/catalogue.js'
import { anyRequired, aTier } from './fixtures.js'

/** A join, as a tier again: so that joins can be joined. */
const asTier = ({ requiredReviews, ...rest }: JoinedTier): Tier => ({
  ...rest,
  approval: requiredReviews.length === 0 ? 'policy' : requiredReviews,
})
const join = (...tiers: readonly (Tier | undefined)[]): JoinedTier | undefined =>
  tiers.includes(undefined) ? undefined : joinTiers(tiers.filter((tier) => tier !== undefined))
const joinAgain = (joined: JoinedTier | undefined, tier: Tier): JoinedTier | undefined =>
  joined === undefined ? undefined : join(asTier(joined), tier)

const anyTier: fc.Arbitrary<Tier> = fc.record({
  name: fc.constantFrom('low', 'mid', 'top'),
  approval: fc.oneof(
    fc.constant('policy' as const),
    anyRequired.filter((reviews) => reviews.length > 0),
  ),
  signed: fc.boolean(),
  separation: fc.constantFrom('strict', 'best_effort'),
  binding: fc.constantFrom<Binding>('none', 'dpop', 'mtls', 'any'),
  maxTtl: fc.integer({ min: 1, max: 3600 }),
  fresh: fc.integer({ min: 1, max: 3600 }),
  decideWithin: fc.integer({ min: 1, max: 3600 }),
  maxWindow: fc.integer({ min: 1, max: 3600 }),
  maxDepth: fc.nat(3),
  maxChildren: fc.nat(3),
})

describe('contract §1, tier: in force is the join over everything asked', () => {
  test('all reviews, the shortest lifetime and freshness, the strongest binding, signed if any is', () => {
    const low = aTier({ name: 'low', approval: 'policy', maxTtl: 900, separation: 'best_effort' })
    const critical = aTier({
      name: 'critical',
      approval: [
        { group: 'security', count: 1 },
        { group: 'platform', count: 2 },
      ],
      signed: true,
      binding: 'dpop',
      maxTtl: 60,
      fresh: 100,
      decideWithin: 50,
      maxWindow: 40,
      maxDepth: 0,
      maxChildren: 1,
    })
    expect(join(low, aTier(), critical)).toEqual({
      name: 'critical+low+reviewed',
      requiredReviews: [
        { group: 'platform', count: 2 },
        { group: 'security', count: 1 },
      ],
      signed: true,
      separation: 'strict',
      binding: 'dpop',
      maxTtl: 60,
      fresh: 100,
      decideWithin: 50,
      maxWindow: 40,
      maxDepth: 0,
      maxChildren: 1,
    })
  })

  test.each<[Binding, Binding, Binding | undefined]>([
    ['none', 'none', 'none'],
    ['none', 'dpop', 'dpop'],
    ['none', 'mtls', 'mtls'],
    ['none', 'any', 'any'],
    ['any', 'dpop', 'dpop'],
    ['any', 'mtls', 'mtls'],
    ['any', 'any', 'any'],
    ['dpop', 'dpop', 'dpop'],
    ['mtls', 'mtls', 'mtls'],
    ['dpop', 'mtls', undefined],
  ])('the binding %s with %s is %s, in either order', (a, b, joined) => {
    expect(join(aTier({ binding: a }), aTier({ binding: b }))?.binding).toBe(joined)
    expect(join(aTier({ binding: b }), aTier({ binding: a }))?.binding).toBe(joined)
  })

  test('dpop and mtls cannot be joined, whatever stands between', () => {
    expect(join(aTier({ binding: 'dpop' }), aTier({ binding: 'any' }), aTier({ binding: 'mtls' }))).toBeUndefined()
  })

  test('joining is commutative', () => {
    fc.assert(
      fc.property(anyTier, anyTier, (a, b) => {
        expect(join(a, b)).toEqual(join(b, a))
      }),
    )
  })

  test('joining is associative', () => {
    // A name of a join has its parts: what is joined stands in it once, so names are compared as sets.
    const named = (tier: JoinedTier | undefined) =>
      tier && { ...tier, name: [...new Set(tier.name.split('+'))].sort().join('+') }
    fc.assert(
      fc.property(anyTier, anyTier, anyTier, (a, b, c) => {
        const all = join(a, b, c)
        expect(named(joinAgain(join(a, b), c))).toEqual(all)
        expect(named(joinAgain(join(c, b), a))).toEqual(all)
      }),
    )
  })

  test('joining is idempotent', () => {
    fc.assert(
      fc.property(anyTier, (tier) => {
        expect(join(tier, tier)).toEqual(join(tier))
      }),
    )
  })

  test('a join is never weaker than any of its parts', () => {
    fc.assert(
      fc.property(fc.array(anyTier, { minLength: 1, maxLength: 4 }), (tiers) => {
        const joined = join(...tiers)
        fc.pre(joined !== undefined)
        for (const tier of tiers) {
          expect(joined.maxTtl).toBeLessThanOrEqual(tier.maxTtl)
          expect(joined.fresh).toBeLessThanOrEqual(tier.fresh)
          expect(joined.maxWindow).toBeLessThanOrEqual(tier.maxWindow)
          expect(joined.maxDepth).toBeLessThanOrEqual(tier.maxDepth)
          expect(joined.maxChildren).toBeLessThanOrEqual(tier.maxChildren)
          if (tier.signed) expect(joined.signed).toBe(true)
          if (tier.separation === 'strict') expect(joined.separation).toBe('strict')
          for (const { group, count } of tier.approval === 'policy' ? [] : tier.approval)
            expect(joined.requiredReviews.find((review) => review.group === group)?.count).toBeGreaterThanOrEqual(count)
        }
      }),
    )
  })
})
