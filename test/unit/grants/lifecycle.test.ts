import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { activate, decideBy, deadlineOf, end, isActive, isEnded } from '../../../src/grants/lifecycle.js'
import { active, NOW, pending } from './fixtures.js'

describe('contract §1, status', () => {
  test('expires_at is set at activation, from the duration', () => {
    const grant = pending({ duration_seconds: 60 })
    expect(grant.expiresAt).toBeUndefined()
    expect(activate(grant, NOW)).toMatchObject({ status: 'active', expiresAt: NOW + 60 })
  })

  test.each(['completed', 'revoked', 'expired', 'denied', 'withdrawn'] as const)(
    '%s is an end, and says who and when',
    (reason) => {
      const ended = end(active(), reason, 'corp:op', NOW)
      expect(ended).toMatchObject({ status: reason, ended: { reason, by: 'corp:op', at: '2033-05-18T03:33:20Z' } })
      expect(isEnded(ended)).toBe(true)
      expect(isActive(ended, NOW)).toBe(false)
    },
  )

  test('pending and active are no ends', () => {
    expect([pending(), active()].map(isEnded)).toEqual([false, false])
  })

  test('invariant 12: in force up to, not at, the second in which it expires', () => {
    const grant = active()
    const at = grant.expiresAt ?? 0
    expect([at - 1, at, at + 1].map((now) => isActive(grant, now))).toEqual([true, false, false])
  })

  test('without expires_at nothing is in force, whatever the status says', () => {
    const { expiresAt: _expiresAt, ...endless } = active()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * NOW }), (now) => {
        expect(isActive(endless, now)).toBe(false)
      }),
    )
    expect(deadlineOf(endless)).toBe(0)
  })

  test('decide_by is read from the terms that people saw', () => {
    expect(decideBy(pending())).toBe(NOW + 3600)
  })
})
