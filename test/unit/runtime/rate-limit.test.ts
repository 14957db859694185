import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRateLimit } from '../../../src/runtime/rate-limit.js'
import { turnableClock } from '../../support/clock.js'

describe('createRateLimit', () => {
  test('lets a burst through, then what fills in, and says how long to wait', () => {
    const clock = turnableClock()
    const limit = createRateLimit({ perMinute: 60, burst: 5, clock })
    for (let i = 0; i < 5; i += 1) expect(limit.take('a')).toBeUndefined()
    expect(limit.take('a')).toBe(1)
    expect(limit.take('b')).toBeUndefined()
    clock.advance(1)
    expect(limit.take('a')).toBeUndefined()
    expect(limit.take('a')).toBe(1)
  })

  test('who waits as told is let in, and no more than the rate and one burst ever pass', () => {
    const waits = fc.array(fc.nat(5000), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6000 }),
        fc.integer({ min: 1, max: 20 }),
        waits,
        (perMinute, burst, pauses) => {
          const clock = turnableClock()
          const limit = createRateLimit({ perMinute, burst, clock })
          const start = clock.nowMs()
          let passed = 0
          for (const pause of pauses) {
            clock.advance(pause / 1000)
            const wait = limit.take('a')
            if (wait === undefined) passed += 1
            else {
              expect(wait).toBeGreaterThanOrEqual(1)
              clock.advance(wait)
              expect(limit.take('a')).toBeUndefined()
              passed += 1
            }
            expect(passed).toBeLessThanOrEqual(burst + ((clock.nowMs() - start) * perMinute) / 60_000 + 0.01)
          }
        },
      ),
    )
  })

  test('a charge counts against the next one, and never for longer than two bursts', () => {
    const clock = turnableClock()
    const limit = createRateLimit({ perMinute: 60, burst: 5, clock })
    limit.charge('a', 1000)
    const wait = limit.take('a')!
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(10)
    clock.advance(wait)
    expect(limit.take('a')).toBeUndefined()
  })

  test('strangers fill nothing: the number of keys is bounded, and the one that came last stays', () => {
    const clock = turnableClock()
    const limit = createRateLimit({ perMinute: 60, burst: 1, clock, maxKeys: 10 })
    expect(limit.take('first')).toBeUndefined()
    for (let i = 0; i < 10; i += 1) limit.take(`stranger ${i}`)
    expect(limit.take('stranger 9')).toBeDefined()
    expect(limit.take('first')).toBeUndefined()
  })
})
