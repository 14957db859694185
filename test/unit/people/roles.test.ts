import { describe, expect, test } from '@jest/globals'
import { groupNamer, rolesOf } from '../../../src/people/roles.js'

const roles = { approver: ['platform', 'security'], operator: ['platform-admins'], auditor: ['audit', 'platform'] }

describe('contract §1: roles come from groups', () => {
  test.each([
    [['platform'], ['approver', 'auditor']],
    [
      ['platform-admins', 'audit'],
      ['operator', 'auditor'],
    ],
    [['Platform', 'platform '], []],
    [[], []],
  ])('%j gives %j', (groups, expected) => {
    expect(rolesOf(groups, roles)).toEqual(expected)
  })

  test('groups are bare with one people issuer, and named after their issuer from two on', () => {
    expect(groupNamer(1)('corp', 'platform')).toBe('platform')
    expect(groupNamer(2)('corp', 'platform')).toBe('corp/platform')
  })
})
