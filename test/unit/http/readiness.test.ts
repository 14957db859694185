import { describe, expect, test } from '@jest/globals'
import { createReadiness, type ReadinessDeps } from '../../../src/http/readiness.js'
import { Fault } from '../../../src/runtime/fault.js'
import { silentLog } from '../../../src/runtime/log.js'
import { turnableClock } from '../../support/clock.js'

const setUp = (more: Partial<ReadinessDeps> = {}) => {
  const clock = turnableClock()
  const check = createReadiness({
    storeReady: () => Promise.resolve({ clockSkewSeconds: 0 }),
    keysLoaded: () => true,
    issuers: () => ({}),
    isStopping: () => false,
    clock,
    log: silentLog,
    ...more,
  })
  return { clock, check }
}

describe('readiness', () => {
  test('is given when the store, the clock and the keys are in order', async () => {
    expect(await setUp({ issuers: () => ({ github: 'stale' }) }).check()).toEqual({
      status: 'ready',
      checks: { store: 'ok', clock: 'ok', keys: 'ok', stopping: 'ok' },
      issuers: { github: 'stale' },
    })
  })

  test.each<[string, Partial<ReadinessDeps>, string]>([
    ['the store is away', { storeReady: () => Promise.reject(new Fault('store_unavailable', 'x')) }, 'store'],
    ['the clocks differ by more than 5 s', { storeReady: () => Promise.resolve({ clockSkewSeconds: 5.1 }) }, 'clock'],
    ['they differ the other way', { storeReady: () => Promise.resolve({ clockSkewSeconds: -5.1 }) }, 'clock'],
    ['there are no keys', { keysLoaded: () => false }, 'keys'],
    ['it is stopping', { isStopping: () => true }, 'stopping'],
  ])('is not given when %s', async (_, more, name) => {
    expect(await setUp(more).check()).toMatchObject({ status: 'not_ready', checks: { [name]: 'failed' } })
  })

  test('asks the store once in a second, however many ask', async () => {
    let asked = 0
    const storeReady = () => {
      asked += 1
      return Promise.resolve({ clockSkewSeconds: 0 })
    }
    const { clock, check } = setUp({ storeReady })
    await Promise.all(Array.from({ length: 50 }, () => check()))
    expect(asked).toBe(1)
    clock.advance(1)
    await check()
    expect(asked).toBe(2)
  })
})
