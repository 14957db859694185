import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isWithin } from '../../../src/grants/access.js'
import type { Terms } from '../../../src/grants/grant.js'
import { narrowingFault } from '../../../src/grants/narrowing.js'
import { access, anyAccess, anyTerms, newId, someTerms } from './fixtures.js'

const from = someTerms({
  access: [access('a b', [{ type: 'query', tables: ['x', 'y'] }]), access('r', [], 'https://other.example.com')],
  task: { description: 'd', reference: 'r', max_tasks: 5 },
  delegation: { to: ['spiffe://errand.test/ci/1', 'spiffe://errand.test/ci/2'], max_depth: 2, max_children: 3 },
  credential: {
    types: ['jwt', 'x509'],
    max_ttl_seconds: 300,
    binding: 'any',
    names: { common_name: 'deploy', dns: ['a.example.com', 'b.example.com'] },
  },
})
const { names: _names, ...nameless } = from.credential
const named = (names: Terms['credential']['names']): Partial<Terms> => ({
  credential: { ...nameless, ...(names && { names }) },
})

describe('contract §1, Review: terms are complete, and narrower', () => {
  test.each<[string, Partial<Terms>]>([
    ['less scope', { access: [access('a', [{ type: 'query', tables: ['x', 'y'] }])] }],
    ['fewer details', { access: [access('a b', [{ type: 'query', tables: ['x'] }])] }],
    ['fewer targets', { access: [access('r', [], 'https://other.example.com')] }],
    ['scope without details', { access: [access('a b')] }],
    ['a shorter time', { duration_seconds: 60 }],
    ['fewer tasks', { task: { ...from.task, max_tasks: 1 } }],
    ['a shorter lifetime', { credential: { ...from.credential, max_ttl_seconds: 1 } }],
    ['no JWT', { credential: { ...from.credential, types: ['x509'] } }],
    ['no certificate, and so no names', { credential: { ...nameless, types: ['jwt'] } }],
    ['no names', named(undefined)],
    ['no common name', named({ dns: ['a.example.com', 'b.example.com'] })],
    ['fewer DNS names', named({ common_name: 'deploy', dns: ['b.example.com'] })],
    ['no DNS names', named({ common_name: 'deploy', dns: [] })],
    ['no handing on', { delegation: { to: [], max_depth: 0, max_children: 0 } }],
    ['fewer who may be handed to', { delegation: { ...from.delegation, to: ['spiffe://errand.test/ci/2'] } }],
  ])('%s is', (_, change) => {
    expect(narrowingFault({ ...from, ...change }, from)).toBeUndefined()
  })

  test.each<[string, Partial<Terms>]>([
    ['the same terms', {}],
    ['more scope', { access: [access('a b c')] }],
    ['another target', { access: [access('a', [], 'https://third.example.com')] }],
    ['wider details', { access: [access('', [{ type: 'query', tables: ['x', 'z'] }])] }],
    ['no access at all', { access: [] }],
    ['access to nothing', { access: [access('')] }],
    ['access to nothing beside some', { access: [access('a'), access('')] }],
    ['scope in another notation', { access: [access('b  a')] }],
    ['a longer time', { duration_seconds: 3601 }],
    ['no time', { duration_seconds: 0 }],
    ['time below zero', { duration_seconds: -1 }],
    ['half a second', { duration_seconds: 0.5 }],
    ['no end', { duration_seconds: Number.NaN }],
    ['more tasks', { task: { ...from.task, max_tasks: 6 } }],
    ['no task', { task: { ...from.task, max_tasks: 0 } }],
    ['another description', { task: { ...from.task, description: 'e' } }],
    ['another reference', { task: { ...from.task, reference: 's' } }],
    ['a longer lifetime', { credential: { ...from.credential, max_ttl_seconds: 301 } }],
    ['no lifetime', { credential: { ...from.credential, max_ttl_seconds: 0 } }],
    ['no types', { credential: { ...from.credential, types: [] } }],
    ['another binding', { credential: { ...from.credential, binding: 'none' } }],
    ['types twice', { credential: { ...from.credential, types: ['jwt', 'jwt'] } }],
    ['another type', { credential: { ...nameless, types: ['jwt', 'other' as 'jwt'] } }],
    ['another common name', named({ common_name: 'root', dns: ['a.example.com'] })],
    ['another DNS name', named({ common_name: 'deploy', dns: ['c.example.com'] })],
    ['one more DNS name', named({ dns: ['a.example.com', 'b.example.com', 'c.example.com'] })],
    ['a DNS name twice', named({ dns: ['a.example.com', 'a.example.com'] })],
    ['names without a name', named({ dns: [] })],
    ['names without certificates', { credential: { ...from.credential, types: ['jwt'] } }],
    ['somebody else to hand to', { delegation: { ...from.delegation, to: ['spiffe://errand.test/ci/3'] } }],
    ['a greater depth', { delegation: { ...from.delegation, max_depth: 3 } }],
    ['a depth below zero', { delegation: { ...from.delegation, max_depth: -1 } }],
    ['more children', { delegation: { ...from.delegation, max_children: 4 } }],
    ['another id', { id: newId() }],
    ['another issuer', { issuer: 'https://other.example.com' }],
    ['another tier', { tier: 'low' }],
    ['another delegate', { delegate: { ...from.delegate, claims: { repository_id: '75' } } }],
    ['another run', { sealed: {} }],
    ['another purpose', { purpose: 'x' }],
    ['another requester', { requested_by: { kind: 'person', id: 'corp:eve' } }],
    ['another owner', { owner: 'x' }],
    ['another time to decide', { decide_by: '2040-01-01T00:00:00Z' }],
    ['fewer reviews', { required_reviews: [] }],
    ['more reviews', { required_reviews: [...from.required_reviews, { group: 'x', count: 1 }] }],
  ])('%s is not', (_, change) => {
    expect(narrowingFault({ ...from, ...change }, from)).toBeDefined()
  })

  test('from a grant that lasts for one task and hands nothing on, nothing can be widened', () => {
    const least = someTerms()
    expect(narrowingFault({ ...least, delegation: { to: [], max_depth: 1, max_children: 0 } }, least)).toBeDefined()
    expect(narrowingFault({ ...least, task: { ...least.task, max_tasks: 2 } }, least)).toBeDefined()
  })

  test('where no names were asked for, none can be added', () => {
    const without = { ...from, ...named(undefined) }
    const shorter = { ...without, duration_seconds: 60 }
    expect(narrowingFault(shorter, without)).toBeUndefined()
    expect(narrowingFault({ ...shorter, ...named({ dns: ['a.example.com'] }) }, without)).toBeDefined()
    expect(narrowingFault({ ...shorter, ...named({ common_name: 'deploy', dns: [] }) }, without)).toBeDefined()
  })

  test('what passes gives nothing that was not there, whatever is tried', () => {
    const change: fc.Arbitrary<Partial<Terms>> = fc.record(
      {
        access: fc.array(anyAccess, { maxLength: 3 }),
        duration_seconds: fc.integer({ min: -1, max: 40 * 86_400 }),
        max_ttl: fc.integer({ min: -1, max: 4000 }),
        max_tasks: fc.integer({ min: -1, max: 10 }),
        credential: anyTerms.map(({ credential }) => credential),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(anyTerms, change, (terms, changed) => {
        const wanted = { ...terms, ...changed }
        if (narrowingFault(wanted, terms) !== undefined) return
        for (const one of wanted.access) expect(isWithin(one, terms.access)).toBe(true)
        expect(wanted.duration_seconds).toBeLessThanOrEqual(terms.duration_seconds)
        const { types, names } = wanted.credential
        for (const type of types) expect(terms.credential.types).toContain(type)
        for (const name of names?.dns ?? []) expect(terms.credential.names?.dns).toContain(name)
        if (names?.common_name !== undefined) expect(names.common_name).toBe(terms.credential.names?.common_name)
        expect(wanted.task.max_tasks).toBeLessThanOrEqual(terms.task.max_tasks)
      }),
      { numRuns: 1000 },
    )
  })
})
