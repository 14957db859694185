import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { digestOf } from '../../../src/grants/digest.js'
import type { Grant, RequiredReview, Review, Terms } from '../../../src/grants/grant.js'
import { end } from '../../../src/grants/lifecycle.js'
import { meets, review, type ReviewContext, type ReviewRequest } from '../../../src/grants/review.js'
import { joinKeyOf } from '../../../src/grants/whereabouts.js'
import type { Person } from '../../../src/people/person.js'
import { access, active, aPerson, aReview, NOW, pending } from './fixtures.js'

const context: ReviewContext = {
  tier: { fresh: 900, separation: 'strict' },
  source: { name: 'ci', namesStarter: false },
  now: NOW,
}
const bestEffort: ReviewContext = { ...context, tier: { fresh: 900, separation: 'best_effort' } }
const approve = (grant: Grant, more: Partial<ReviewRequest> = {}): ReviewRequest => ({
  decision: 'approve',
  reason: 'fine',
  digest: digestOf(grant.terms),
  ...more,
})
const deny = (grant: Grant, more: Partial<ReviewRequest> = {}): ReviewRequest =>
  approve(grant, { decision: 'deny', ...more })
/** What becomes of it: the grant, or the reason why not. */
function outcome(grant: Grant, person: Person, request = approve(grant), within = context): Grant | string {
  const result = review(grant, person, request, within)
  return result.ok ? result.value : result.refusal.reason
}
function reviewed(grant: Grant, person: Person, request = approve(grant), within = context): Grant {
  const result = outcome(grant, person, request, within)
  if (typeof result === 'string') throw new Error(result)
  return result
}
const narrower = (grant: Grant, scope: string, more: Partial<ReviewRequest> = {}): ReviewRequest => {
  const terms: Terms = { ...grant.terms, access: [access(scope)] }
  return approve(grant, { terms, digest: digestOf(terms), ...more })
}
const BOTH: readonly RequiredReview[] = [
  { group: 'platform', count: 1 },
  { group: 'security', count: 1 },
]
const inBoth = (name: string) => aPerson(name, { groups: ['platform', 'security'] })
const inSecurity = (name: string) => aPerson(name, { groups: ['security'] })

describe('contract §1, Review: one group, one review', () => {
  test('the approval that meets the requirement activates the grant, and says who, for which group, and of what', () => {
    const grant = pending()
    expect(reviewed(grant, aPerson())).toEqual({
      ...grant,
      status: 'active',
      expiresAt: NOW + 3600,
      reviews: [
        {
          by: 'corp:ann',
          same_person: 'corp:ann',
          group: 'platform',
          decision: 'approve',
          reason: 'fine',
          at: '2033-05-18T03:33:20Z',
          digest: digestOf(grant.terms),
          auth_time: NOW - 10,
          linked: 'ci-ann',
        },
      ],
    })
  })

  test('a denial ends it', () => {
    const denied = reviewed(pending(), aPerson(), deny(pending()))
    expect(denied).toMatchObject({ status: 'denied', ended: { reason: 'denied', by: 'corp:ann' } })
    expect(outcome(denied, aPerson('bob'))).toBe('not_pending')
  })

  test.each([
    ['active', active()],
    ['denied', end(pending(), 'denied', 'x', NOW)],
    ['withdrawn', end(pending(), 'withdrawn', 'x', NOW)],
    ['expired', end(pending(), 'expired', 'x', NOW)],
  ])('what is %s is not decided again', (_, grant) => {
    expect(outcome(grant, aPerson('bob'))).toBe('not_pending')
    expect(outcome(grant, aPerson('bob'), deny(grant))).toBe('not_pending')
  })

  test('invariant 12: at decide_by nobody decides any more', () => {
    const at = (now: number) =>
      outcome(pending(), aPerson('ann', { authTime: now }), approve(pending()), { ...context, now })
    expect(at(NOW + 3599)).toMatchObject({ status: 'active' })
    expect(at(NOW + 3600)).toBe('not_pending')
  })

  test.each([
    ['of other terms', digestOf(pending({ purpose: 'x' }).terms)],
    ['in capitals', digestOf(pending().terms).toUpperCase()],
    ['empty', ''],
  ])('a digest %s is refused', (_, digest) => {
    expect(outcome(pending(), aPerson(), approve(pending(), { digest }))).toBe('digest_mismatch')
    expect(outcome(pending(), aPerson(), deny(pending(), { digest }))).toBe('digest_mismatch')
  })

  test.each([
    ['in none of the groups', aPerson('x', { groups: ['other'] }), undefined, 'not_in_group'],
    ['in no group at all', aPerson('x', { groups: [] }), undefined, 'not_in_group'],
    ['for a group that is not theirs', aPerson('x'), 'security', 'not_in_group'],
    ['for a group that need not review', aPerson('x', { groups: ['platform', 'legal'] }), 'legal', 'not_in_group'],
    ['in several, naming none', inBoth('x'), undefined, 'group_ambiguous'],
  ] as const)('a reviewer %s is refused', (_, person, group, reason) => {
    const grant = pending({ required_reviews: BOTH })
    const named = group === undefined ? {} : { group }
    expect(outcome(grant, person, approve(grant, named))).toBe(reason)
    expect(outcome(grant, person, deny(grant, named))).toBe(reason)
  })

  test('fresh: the sign-in is at most so old', () => {
    const at = (age: number) => outcome(pending(), aPerson('ann', { authTime: NOW - age }))
    expect(at(900)).toMatchObject({ status: 'active' })
    expect(at(901)).toBe('sign_in_too_old')
  })
})

describe('contract §1, tier: all groups, each with its count, by different people', () => {
  test('AND across groups', () => {
    const grant = pending({ required_reviews: BOTH })
    const half = reviewed(grant, aPerson())
    expect(half.status).toBe('pending')
    expect(half.expiresAt).toBeUndefined()
    expect(reviewed(half, inSecurity('sue')).status).toBe('active')
  })

  test('counts', () => {
    const grant = pending({ required_reviews: [{ group: 'platform', count: 3 }] })
    const two = reviewed(reviewed(grant, aPerson('a')), aPerson('b'))
    expect(two.status).toBe('pending')
    expect(reviewed(two, aPerson('c')).status).toBe('active')
  })

  test('one person in two groups counts in one of them', () => {
    const grant = pending({ required_reviews: BOTH })
    const half = reviewed(grant, inBoth('ann'), approve(grant, { group: 'platform' }))
    expect(outcome(half, inBoth('ann'), approve(half, { group: 'security' }))).toBe('already_reviewed')
  })

  test('invariant 6: one person counts once, whatever accounts they have', () => {
    const grant = pending({ required_reviews: [{ group: 'platform', count: 2 }] })
    const half = reviewed(grant, aPerson('ann', { samePerson: 'ann@example.com' }))
    const otherAccount = aPerson('ann2', { samePerson: 'ann@example.com' })
    expect(outcome(half, otherAccount)).toBe('already_reviewed')
    expect(reviewed(half, aPerson('bob', { samePerson: 'bob@example.com' })).status).toBe('active')
  })

  test('an account that changed its person still counts once', () => {
    const grant = pending({ required_reviews: [{ group: 'platform', count: 2 }] })
    const half = reviewed(grant, aPerson('ann', { samePerson: 'ann@example.com' }))
    expect(outcome(half, aPerson('ann', { samePerson: 'eve@example.com' }))).toBe('already_reviewed')
  })

  test('a person whom same_person does not tell is refused as an approver, not as one who denies', () => {
    const unknown = aPerson('ann', { samePerson: undefined })
    expect(outcome(pending(), unknown)).toBe('person_ambiguous')
    expect(outcome(pending(), unknown, deny(pending()))).toMatchObject({ status: 'denied' })
  })

  test('meets: each group by as many different people as it asks for, each in one group', () => {
    const grant = pending()
    const made = (name: string, more: Partial<Review> = {}) => aReview(grant, name, more)
    const two = [{ group: 'platform', count: 2 }]
    expect(meets([made('a'), made('b')], two)).toBe(true)
    expect(meets([made('a')], two)).toBe(false)
    expect(meets([made('a'), made('a')], two)).toBe(false)
    expect(meets([made('a'), made('b', { same_person: 'corp:a' })], two)).toBe(false)
    expect(meets([made('a'), made('b', { decision: 'deny' })], two)).toBe(false)
    expect(meets([made('a'), made('b', { group: 'security' })], two)).toBe(false)
    expect(meets([made('a'), made('a', { group: 'security' })], BOTH)).toBe(false)
    expect(meets([], [])).toBe(true)
  })

  test('meets, for any reviews: never by fewer people than all counts together', () => {
    const anyReviews = fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        group: fc.constantFrom('platform', 'security'),
        decision: fc.constantFrom('approve' as const, 'deny' as const),
      }),
      { maxLength: 8 },
    )
    const counts = fc.record({ platform: fc.integer({ min: 1, max: 2 }), security: fc.integer({ min: 1, max: 2 }) })
    fc.assert(
      fc.property(anyReviews, counts, (made, { platform, security }) => {
        const reviews = made.map(({ name, ...rest }) => aReview(pending(), name, rest))
        const required = [
          { group: 'platform', count: platform },
          { group: 'security', count: security },
        ]
        const people = new Set(made.filter(({ decision }) => decision === 'approve').map(({ name }) => name))
        if (meets(reviews, required)) expect(people.size).toBeGreaterThanOrEqual(platform + security)
        for (const extra of reviews)
          if (meets(reviews, required)) expect(meets([...reviews, extra], required)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('invariant 6: an approver is not the requester, and not who started the run', () => {
  const byAnn = pending(
    { requested_by: { kind: 'person', id: 'corp:ann' } },
    { requesterSamePerson: 'ann@example.com' },
  )

  test('not the requester, under any of their accounts', () => {
    expect(outcome(byAnn, aPerson('ann', { samePerson: 'someone@example.com' }))).toBe('is_requester')
    expect(outcome(byAnn, aPerson('ann2', { samePerson: 'ann@example.com' }))).toBe('is_requester')
    expect(outcome(byAnn, aPerson('bob', { samePerson: 'bob@example.com' }))).toMatchObject({ status: 'active' })
  })

  test('where nobody knows which person asked, nobody can be told apart from them', () => {
    const { requesterSamePerson: _unknown, ...ambiguous } = byAnn
    expect(outcome(ambiguous, aPerson('bob', { samePerson: 'bob@example.com' }))).toBe('is_requester')
  })

  test('the requester may deny what they asked for', () => {
    expect(outcome(byAnn, aPerson('ann'), deny(byAnn))).toMatchObject({ status: 'denied' })
  })

  const started = (id?: string) => pending({}, { startedBy: { source: 'ci', ...(id === undefined ? {} : { id }) } })
  test.each([
    ['strict', 'who started the run', started('ci-ann'), aPerson(), 'started_the_run'],
    [
      'strict',
      'who has no account at the source',
      started('ci-bob'),
      aPerson('ann', { links: {} }),
      'separation_unknown',
    ],
    ['strict', 'of a re-run', started(), aPerson(), 'separation_unknown'],
    ['best_effort', 'who started the run', started('ci-ann'), aPerson(), 'started_the_run'],
  ] as const)('%s: an approver %s is refused', (separation, _, grant, person, reason) => {
    expect(outcome(grant, person, approve(grant), separation === 'strict' ? context : bestEffort)).toBe(reason)
  })

  test.each([
    ['who has no account at the source', started('ci-bob'), aPerson('ann', { links: {} })],
    ['of a re-run', started(), aPerson()],
  ])('best_effort: an approver %s is let through, and the review says so', (_, grant, person) => {
    const made = reviewed(grant, person, approve(grant), bestEffort)
    expect(made).toMatchObject({ status: 'active', reviews: [{ unseparated: true }] })
  })

  test('two people are told apart: the review says nothing of it', () => {
    expect(reviewed(started('ci-bob'), aPerson()).reviews[0]).not.toHaveProperty('unseparated')
  })

  test('a link is an own member: what every object has links nobody', () => {
    const grant = pending({}, { startedBy: { source: 'toString', id: 'x' } })
    expect(
      outcome(grant, aPerson(), approve(grant), { ...context, source: { name: 'toString', namesStarter: true } }),
    ).toBe('separation_unknown')
  })

  test('a standing window is approved by somebody who can be told apart later', () => {
    const window = pending(
      { sealed: {}, requested_by: { kind: 'person', id: 'corp:bob' } },
      { requesterSamePerson: 'corp:bob' },
    )
    const names: ReviewContext = { ...context, source: { name: 'ci', namesStarter: true } }
    expect(outcome(window, aPerson('ann', { links: {} }), approve(window), names)).toBe('separation_unknown')
    expect(outcome(window, aPerson('ann'), approve(window), names)).toMatchObject({ status: 'active' })
    expect(outcome(window, aPerson('ann', { links: {} }), approve(window), context)).toMatchObject({ status: 'active' })
  })

  test('who started the run may deny it', () => {
    expect(outcome(started('ci-ann'), aPerson(), deny(started('ci-ann')))).toMatchObject({ status: 'denied' })
  })
})

describe('contract §1, Review: with terms, earlier reviews are void', () => {
  const wide = pending({ required_reviews: [{ group: 'platform', count: 2 }], access: [access('a b c')] })

  test('the narrower terms are in force, and the digest is theirs', () => {
    const narrowed = reviewed(wide, aPerson('ann'), narrower(wide, 'a b'))
    expect(narrowed.terms.access).toEqual([access('a b')])
    expect(narrowed.reviews).toMatchObject([{ by: 'corp:ann', digest: digestOf(narrowed.terms) }])
  })

  test('narrowed once or twice, it is known as what was asked for', () => {
    const once = reviewed(wide, aPerson('ann'), narrower(wide, 'a b'))
    const twice = reviewed(once, aPerson('bob'), narrower(once, 'a'))
    expect([wide.askedAs, once.askedAs, twice.askedAs]).toEqual([
      undefined,
      joinKeyOf(wide.terms),
      joinKeyOf(wide.terms),
    ])
  })

  test('who approved the wider terms has not approved the narrower, and may', () => {
    const first = reviewed(wide, aPerson('ann'))
    const narrowed = reviewed(first, aPerson('bob'), narrower(first, 'a'))
    expect(narrowed).toMatchObject({ status: 'pending', reviews: [{ by: 'corp:bob' }] })
    expect(outcome(narrowed, aPerson('cat'), approve(wide))).toBe('digest_mismatch')
    expect(reviewed(narrowed, aPerson('ann'), approve(narrowed))).toMatchObject({ status: 'active' })
  })

  test('who approved may narrow afterwards: their earlier review is void like the others', () => {
    const first = reviewed(wide, aPerson('ann'))
    const narrowed = reviewed(first, aPerson('ann'), narrower(first, 'a'))
    expect(narrowed).toMatchObject({
      status: 'pending',
      reviews: [{ by: 'corp:ann', digest: digestOf(narrowed.terms) }],
    })
  })

  test('the digest of the wider terms does not do for the narrower', () => {
    expect(outcome(wide, aPerson(), narrower(wide, 'a', { digest: digestOf(wide.terms) }))).toBe('digest_mismatch')
  })

  test('wider terms, and the same ones, are refused: nothing is void by them', () => {
    const first = reviewed(wide, aPerson('ann'))
    expect(outcome(first, aPerson('bob'), narrower(first, 'a b c d'))).toBe('terms_not_narrower')
    expect(outcome(first, aPerson('bob'), narrower(first, 'a b c'))).toBe('terms_not_narrower')
  })

  test('any sequence of reviews only ever narrows, and an active grant has been approved as it stands', () => {
    const step = fc.record({
      name: fc.constantFrom('ann', 'bob', 'cat', 'dan'),
      scope: fc.option(
        fc.subarray(['a', 'b', 'c', 'd']).map((names) => names.join(' ')),
        { nil: undefined },
      ),
      decision: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'deny' as const),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        let grant = wide
        for (const { name, scope, decision } of steps) {
          const request = scope === undefined ? approve(grant, { decision }) : narrower(grant, scope, { decision })
          const result = review(grant, aPerson(name), request, context)
          if (!result.ok) continue
          const before = grant.terms.access[0]?.scope.split(' ') ?? []
          grant = result.value
          for (const token of grant.terms.access[0]?.scope.split(' ') ?? []) expect(before).toContain(token)
          if (grant.status === 'active') {
            const people = grant.reviews.filter(({ digest }) => digest === digestOf(grant.terms)).map(({ by }) => by)
            expect(new Set(people).size).toBeGreaterThanOrEqual(2)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })
})
