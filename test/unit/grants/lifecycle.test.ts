import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  activate,
  asOf,
  decideBy,
  deadlineOf,
  end,
  isActive,
  isEnded,
  storedAsOf,
} from '../../../src/grants/lifecycle.js'
import type { Grant, GrantStatus } from '../../../src/grants/grant.js'
import { formatTime } from '../../../src/runtime/clock.js'
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

describe('invariant 12: expired is what the time of the record says', () => {
  const ENDED = { reason: 'expired', by: 'errand', at: formatTime(NOW + 3600) }

  test.each([
    ['pending', 'decide_by', pending()],
    ['active', 'expires_at', active()],
  ])('one that is %s has expired at, not before, %s', (status, _, grant) => {
    expect(asOf(grant, NOW + 3599)).toBe(grant)
    expect(grant.status).toBe(status)
    for (const now of [NOW + 3600, NOW + 99_999])
      expect(asOf(grant, now)).toEqual({ ...grant, status: 'expired', ended: ENDED })
  })

  test.each(['completed', 'revoked', 'expired', 'denied', 'withdrawn'] as const)(
    'one that is %s stays so',
    (reason) => {
      const ended = end(active(), reason, 'corp:op', NOW)
      expect(asOf(ended, NOW + 99_999_999)).toBe(ended)
      expect(storedAsOf({ record: { status: 'expired' }, grant: ended }, NOW)).toBe(ended)
    },
  )

  test('one without expires_at has expired, whatever the status says', () => {
    const { expiresAt: _expiresAt, ...endless } = active()
    expect(asOf(endless, NOW).status).toBe('expired')
  })

  test('a store takes by saying expired; no other word of it counts', () => {
    const statusOf = (grant: Grant, status: GrantStatus) => storedAsOf({ record: { status }, grant }, NOW).status
    expect(statusOf(active(), 'expired')).toBe('expired')
    expect(statusOf(pending(), 'expired')).toBe('expired')
    for (const status of ['pending', 'active', 'denied', 'withdrawn', 'completed', 'revoked'] as const)
      expect([statusOf(pending(), status), statusOf(active(), status)]).toEqual(['pending', 'active'])
    expect(storedAsOf({ record: { status: 'active' }, grant: active() }, NOW + 3600).status).toBe('expired')
  })
})
