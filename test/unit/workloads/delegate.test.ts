import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Delegate } from '../../../src/grants/grant.js'
import { delegateCovers, deriveDelegate, statedAnchor } from '../../../src/workloads/delegate.js'
import type { Workload } from '../../../src/workloads/workload.js'

const workload: Workload = {
  source: 'github',
  issuer: 'https://ci.example.com',
  subject: 'repo:acme/shop:environment:production',
  spiffeId: 'spiffe://errand.example.com/github/74/production',
  anchor: { claim: 'repository_id', value: '74' },
  sealed: {},
  claims: { repository_id: 74, environment: 'production', nested: { id: 'x' }, list: ['a'] },
  delegateClaims: { repository_id: '74', environment: 'production' },
  description: '',
  owner: 'platform',
  shard: 0,
  assertion: { key: '', expiresAt: 0, reuse: 'once' },
}
const delegate: Delegate = {
  issuer: 'https://ci.example.com',
  subject: 'repo:acme/shop:*',
  claims: { repository_id: '74', environment: 'production' },
}

describe('a delegate covers a workload', () => {
  test.each<[string, Partial<Delegate>]>([
    ['as the contract shows it', {}],
    ['whatever its subject', { subject: '*' }],
    ['by its anchor alone', { claims: { repository_id: '74' } }],
    ['with a pattern on a claim', { claims: { repository_id: '74', environment: 'prod*' } }],
    ['with a nested claim', { claims: { repository_id: '74', '/nested/id': 'x' } }],
  ])('%s', (_name, changes) => {
    expect(delegateCovers({ ...delegate, ...changes }, workload)).toBe(true)
  })

  test.each<[string, Partial<Delegate>]>([
    ['of another issuer', { issuer: 'https://ci.example.com/' }],
    ['of another subject', { subject: 'repo:acme/shop2:*' }],
    ['of another anchor', { claims: { repository_id: '75' } }],
    ['without its anchor', { claims: { environment: 'production' } }],
    ['when the anchor is a pattern (invariant 11)', { claims: { repository_id: '7*' } }],
    ['when the anchor is every anchor', { claims: { repository_id: '*' } }],
    ['of another environment', { claims: { repository_id: '74', environment: 'staging' } }],
    ['that has no such claim', { claims: { repository_id: '74', absent: '*' } }],
    ['whose claim has no text', { claims: { repository_id: '74', list: '*' } }],
    ['by what objects have anyway', { claims: { repository_id: '74', constructor: '*' } }],
    ['by an unreadable subject', { subject: 'repo:acme/shop:environment:production\\' }],
    ['by an unreadable claim', { claims: { repository_id: '74', environment: 'production\\' } }],
  ])('but not %s', (_name, changes) => {
    expect(delegateCovers({ ...delegate, ...changes }, workload)).toBe(false)
  })

  test('asked again, it answers the same', () => {
    const unreadable = { ...delegate, subject: 'x\\' }
    expect([1, 2].map(() => delegateCovers(unreadable, workload))).toEqual([false, false])
    expect([1, 2].map(() => delegateCovers(delegate, workload))).toEqual([true, true])
  })
})

describe('where the anchor is sub', () => {
  const bySub: Workload = {
    ...workload,
    anchor: { claim: 'sub', value: 'job:*' },
    subject: 'job:*',
    claims: { sub: 'job:*' },
  }

  test('an exact subject states it', () => {
    expect(delegateCovers({ issuer: delegate.issuer, subject: String.raw`job:\*`, claims: {} }, bySub)).toBe(true)
    expect(statedAnchor({ issuer: delegate.issuer, subject: 'job:*', claims: {} }, 'sub')).toBeUndefined()
    expect(delegateCovers({ issuer: delegate.issuer, subject: 'job:*', claims: {} }, bySub)).toBe(false)
  })
})

describe('a derived delegate is literal', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '*', '\\', ':') })

  test('it covers the workload that it came from, and no other', () => {
    fc.assert(
      fc.property(text, text, text, text, (subject, claim, otherSubject, otherClaim) => {
        const of = (sub: string, environment: string): Workload => ({
          ...workload,
          subject: sub,
          claims: { repository_id: '74', environment },
          delegateClaims: { repository_id: '74', environment },
        })
        const derived = deriveDelegate(of(subject, claim))
        expect(delegateCovers(derived, of(subject, claim))).toBe(true)
        expect(delegateCovers(derived, of(otherSubject, otherClaim))).toBe(
          subject === otherSubject && claim === otherClaim,
        )
      }),
    )
  })
})
