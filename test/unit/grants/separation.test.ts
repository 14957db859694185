import { describe, expect, test } from '@jest/globals'
import { mayUse, separate, startedByOf } from '../../../src/grants/separation.js'
import { active, aReview, aWorkload, pending } from './fixtures.js'

const startedBy = (id: string) => aWorkload({ startedBy: { id } })
const grant = active()

describe('invariant 6: an approver is not who triggered the run', () => {
  test.each([
    ['the source names nobody: exempt', undefined, undefined, 'separate'],
    ['the source names nobody, the approver is known there: exempt', undefined, 'ann', 'separate'],
    ['two people', { id: 'bob' }, 'ann', 'separate'],
    ['one person', { id: 'ann' }, 'ann', 'same'],
    ['an approver without a link', { id: 'ann' }, undefined, 'cannot_tell'],
    ['a re-run, whose starter nobody knows', {}, 'ann', 'cannot_tell'],
    ['neither is known', {}, undefined, 'cannot_tell'],
  ] as const)('%s', (_, starter, linked, verdict) => {
    expect(separate(starter, linked)).toBe(verdict)
  })

  test.each([
    ['started by another', startedBy('ci-bob'), 'strict', true],
    ['started by the approver', startedBy('ci-ann'), 'strict', false],
    ['started by the approver', startedBy('ci-ann'), 'best_effort', false],
    ['a re-run', aWorkload({ startedBy: 'unknown' }), 'strict', false],
    ['a re-run', aWorkload({ startedBy: 'unknown' }), 'best_effort', true],
    ['of a source that names nobody', aWorkload(), 'strict', true],
  ] as const)('at each exchange, a run %s under %s separation', (_, workload, separation, may) => {
    expect(mayUse(grant, workload, separation)).toBe(may)
  })

  test('one of several approvers is enough to refuse', () => {
    const two = { ...grant, reviews: [aReview(grant, 'bob'), aReview(grant, 'ann')] }
    expect(mayUse(two, startedBy('ci-ann'), 'strict')).toBe(false)
  })

  test('rules start nothing, and a person is never taken for one', () => {
    const rule = { ...grant, reviews: [aReview(grant, 'x', { by: 'rule:0.deploy.0', group: '' })] }
    expect(mayUse(rule, startedBy('ci-ann'), 'strict')).toBe(true)
    const posing = { ...grant, reviews: [aReview(grant, 'ann', { by: 'rule:ann', group: 'platform' })] }
    expect(mayUse(posing, startedBy('ci-ann'), 'strict')).toBe(false)
  })

  test('a grant keeps who started the run that asked', () => {
    expect(startedByOf(startedBy('5'))).toEqual({ startedBy: { source: 'ci', id: '5' } })
    expect(startedByOf(aWorkload({ startedBy: 'unknown' }))).toEqual({ startedBy: { source: 'ci' } })
    expect(startedByOf(aWorkload())).toEqual({})
    expect(pending().startedBy).toBeUndefined()
  })
})
