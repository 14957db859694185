import { describe, expect, test } from '@jest/globals'
import { anchorKeyOf, hasRunIds, holderOf, joinKeyOf, whereaboutsOf } from '../../../src/grants/whereabouts.js'
import { access, aWorkload, newId, someTerms } from './fixtures.js'

const workload = aWorkload()

describe('contract §1, Tasks: the run is the sealed ids, the errand the run and its task', () => {
  test('errands of one run share the run, and differ by task', () => {
    const [one, other] = [whereaboutsOf(workload, ''), whereaboutsOf(workload, 'build')]
    expect(one.run).toBe(other.run)
    expect(one.errand).not.toBe(other.errand)
    expect(one.anchor).toBe(anchorKeyOf('ci', '74'))
    expect(one.shard).toBe(workload.shard)
  })

  test.each([
    ['source', { source: 'cj' }],
    ['anchor', { anchor: { claim: 'repository_id', value: '75' } }],
    ['run', { sealed: { run_id: '9913' } }],
    ['attempt', { sealed: { run_id: '9912', run_attempt: '2' } }],
  ])('another %s is another run, another errand and another holder', (_, more) => {
    const other = aWorkload(more)
    expect(whereaboutsOf(other, '').run).not.toBe(whereaboutsOf(workload, '').run)
    expect(whereaboutsOf(other, '').errand).not.toBe(whereaboutsOf(workload, '').errand)
    expect(holderOf(other, [])).not.toBe(holderOf(workload, []))
  })

  test('the order in which a source names its ids means nothing', () => {
    const one = aWorkload({ sealed: { a: '1', b: '2' } })
    const other = aWorkload({ sealed: { b: '2', a: '1' } })
    expect(whereaboutsOf(one, 'x')).toEqual(whereaboutsOf(other, 'x'))
    expect(holderOf(one, [])).toBe(holderOf(other, []))
  })

  test('values that run together are kept apart', () => {
    const one = aWorkload({ sealed: { a: '1', b: '' } })
    const other = aWorkload({ sealed: { a: '', b: '1' } })
    expect(whereaboutsOf(one, '').run).not.toBe(whereaboutsOf(other, '').run)
    expect(anchorKeyOf('a', 'b')).not.toBe(anchorKeyOf('ab', ''))
  })

  test('a source without run ids: each task is a run of its own', () => {
    const agent = aWorkload({ sealed: {} })
    expect(hasRunIds(agent)).toBe(false)
    expect(whereaboutsOf(agent, 'a').run).not.toBe(whereaboutsOf(agent, 'b').run)
    expect(whereaboutsOf(agent, 'a').run).toBe(whereaboutsOf(agent, 'a').errand)
  })

  test('a holder is who has all the keys that were proved, in whatever order', () => {
    expect(holderOf(workload, ['k', 'l'])).toBe(holderOf(workload, ['l', 'k']))
    expect(holderOf(workload, ['k'])).not.toBe(holderOf(workload, []))
  })
})

describe('contract §1, Deferred: equal requests join', () => {
  const terms = someTerms()
  test('those that differ in id and time alone are equal', () => {
    expect(joinKeyOf({ ...terms, id: newId(), decide_by: '2040-01-01T00:00:00Z' })).toBe(joinKeyOf(terms))
  })

  test.each([
    ['sealed claims', { sealed: { run_id: '9913' } }],
    ['task', { task: { ...terms.task, description: 'another' } }],
    ['access', { access: [access('deploy:staging')] }],
    ['lifetime', { credential: { ...terms.credential, max_ttl_seconds: 60 } }],
    ['purpose', { purpose: 'another' }],
    ['binding', { credential: { ...terms.credential, binding: 'dpop' as const } }],
    ['requester', { requested_by: { kind: 'person' as const, id: 'corp:ann' } }],
  ])('those that differ in %s are not', (_, change) => {
    expect(joinKeyOf({ ...terms, ...change })).not.toBe(joinKeyOf(terms))
  })
})
