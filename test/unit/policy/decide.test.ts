import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decide, isForRules } from '../../../src/policy/decide.js'
import type { AllowRule, Guard } from '../../../src/policy/catalogue.js'
import { aGuard, aTier, aWorkload, CI } from '../grants/fixtures.js'

const policy = aTier({ name: 'low', approval: 'policy' })
const rule = (id: string, more: Partial<AllowRule> = {}): AllowRule => ({
  id,
  issuer: CI,
  subject: '*',
  claims: { repository_id: '74' },
  ...more,
})
const byRules = (...rules: AllowRule[]): Guard => aGuard(policy, rules)
const byPeople = aGuard()
const workload = aWorkload()

describe('contract §3: approval by policy permits nothing without a matching rule', () => {
  test.each<[string, readonly AllowRule[]]>([
    ['no rule', []],
    ['a rule for another anchor', [rule('a', { claims: { repository_id: '75' } })]],
    ['a rule for another issuer', [rule('a', { issuer: 'https://other.example.com' })]],
    ['a rule for another subject', [rule('a', { subject: 'repo:acme/other' })]],
    ['a rule without the anchor', [rule('a', { claims: {} })]],
    ['a rule with a pattern for the anchor', [rule('a', { claims: { repository_id: '*' } })]],
    [
      'a rule with one more claim, which is not there',
      [rule('a', { claims: { repository_id: '74', environment: '*' } })],
    ],
    ['a rule that cannot be read', [rule('a', { subject: 'repo:\\' })]],
  ])('%s refuses', (_, rules) => {
    expect(decide([byRules(...rules)], workload)).toEqual({ permitted: false })
  })

  test('a rule that matches permits, and is named', () => {
    expect(decide([byRules(rule('a', { subject: 'x' }), rule('b'), rule('c'))], workload)).toEqual({
      permitted: true,
      rules: ['b'],
    })
  })

  test('every guard that is theirs needs a rule', () => {
    expect(decide([byRules(rule('a')), byRules(rule('b'))], workload)).toEqual({ permitted: true, rules: ['a', 'b'] })
    expect(decide([byRules(rule('a')), byRules()], workload)).toEqual({ permitted: false })
  })

  test('what people decide is passed over here, and is no reason to permit the rest', () => {
    expect(decide([byPeople], workload)).toEqual({ permitted: true, rules: [] })
    expect(decide([byPeople, byRules()], workload)).toEqual({ permitted: false })
    expect(decide([aGuard(aTier(), [rule('ignored')])], workload)).toEqual({ permitted: true, rules: [] })
  })

  test('rules alone decide when nothing asks for a person', () => {
    expect(isForRules([byRules(rule('a'))])).toBe(true)
    expect(isForRules([byRules(rule('a')), byPeople])).toBe(false)
  })

  test('one more guard never permits what was refused', () => {
    const anyGuard = fc.constantFrom(byRules(), byRules(rule('a')), byRules(rule('b', { subject: 'no' })), byPeople)
    fc.assert(
      fc.property(fc.array(anyGuard, { maxLength: 4 }), anyGuard, (guards, more) => {
        if (!decide(guards, workload).permitted) expect(decide([...guards, more], workload).permitted).toBe(false)
      }),
    )
  })
})
