import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { joinRequirements, meetsRequirement } from '../../../src/people/requirement.js'
import type { PersonRequirement } from '../../../src/people/source.js'

const NOW = 1000

describe('RFC 9470: how a person must have signed in', () => {
  const signIn = { authTime: NOW - 60, acr: 'phr', amr: ['pwd', 'otp'] }

  test.each<[string, PersonRequirement]>([
    ['nothing', {}],
    ['recently enough, to the second', { maxAge: 60 }],
    ['one of the classes', { acrValues: ['phrh', 'phr'] }],
    ['every method', { amr: ['otp', 'pwd'] }],
  ])('%s is met', (_name, requirement) => {
    expect(meetsRequirement(signIn, requirement, NOW)).toBe(true)
  })

  test.each<[string, PersonRequirement]>([
    ['more recently', { maxAge: 59 }],
    ['another class', { acrValues: ['phrh'] }],
    ['no class at all', { acrValues: [] }],
    ['a method that was not used', { amr: ['otp', 'hwk'] }],
  ])('%s is not met', (_name, requirement) => {
    expect(meetsRequirement(signIn, requirement, NOW)).toBe(false)
  })

  test('a sign-in without a class meets no class', () => {
    expect(meetsRequirement({ authTime: NOW, amr: [] }, { acrValues: ['phr'] }, NOW)).toBe(false)
  })
})

describe('the requirement of the source and that of the act, joined', () => {
  const requirement = fc.record(
    {
      maxAge: fc.integer({ min: 0, max: 100 }),
      acrValues: fc.subarray(['a', 'b', 'c']),
      amr: fc.subarray(['pwd', 'otp', 'hwk']),
    },
    { requiredKeys: [] },
  )
  const signIns = fc.record({
    authTime: fc.integer({ min: NOW - 100, max: NOW }),
    acr: fc.constantFrom('a', 'b', 'c', 'd'),
    amr: fc.subarray(['pwd', 'otp', 'hwk']),
  })

  test('is met exactly by who meets both', () => {
    fc.assert(
      fc.property(requirement, requirement, signIns, (source, act, signIn) => {
        const both = meetsRequirement(signIn, source, NOW) && meetsRequirement(signIn, act, NOW)
        expect(meetsRequirement(signIn, joinRequirements(source, act), NOW)).toBe(both)
      }),
      { numRuns: 1000 },
    )
  })

  test('without one for the act, the source’s own stands', () => {
    expect(joinRequirements({ maxAge: 60, amr: ['otp'] })).toEqual({ maxAge: 60, amr: ['otp'] })
  })
})
