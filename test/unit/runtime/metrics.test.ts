import { describe, expect, test } from '@jest/globals'
import { createMetrics } from '../../../src/runtime/metrics.js'

const seriesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(`${name}{`))

describe('metrics', () => {
  test('count exchanges by outcome and reason, with their latency', async () => {
    const metrics = createMetrics({ runtimeMetrics: false })
    metrics.exchange('issued', 'none', 0.002)
    metrics.exchange('refused', 'grant_ended', 0.001)
    const text = await metrics.text()
    expect(text).toContain('errand_exchanges_total{outcome="issued",reason="none"} 1')
    expect(text).toContain('errand_exchanges_total{outcome="refused",reason="grant_ended"} 1')
    expect(text).toContain('errand_exchange_duration_seconds_count{outcome="issued"} 1')
  })

  test('the number of series is bounded: what is no code of ours is counted as other', async () => {
    const metrics = createMetrics({ runtimeMetrics: false })
    metrics.unverified('eyJhbGciOiJFUzI1NiJ9.e30.c2ln')
    metrics.unverified('https://evil.example.net')
    for (let i = 0; i < 1000; i += 1) metrics.unverified(`made_up_${i}`)
    const series = seriesOf(await metrics.text(), 'errand_unverified_attempts_total')
    expect(series.length).toBeLessThanOrEqual(201)
    expect(series.join('')).not.toMatch(/eyJ|evil/)
    expect(series.find((line) => line.includes('"other"'))).toMatch(/ 802$/)
  })

  test('two brokers in one process do not share theirs', async () => {
    const [one, two] = [createMetrics({ runtimeMetrics: false }), createMetrics({ runtimeMetrics: false })]
    one.liveGrants(5)
    expect(await one.text()).toContain('errand_live_grants 5')
    expect(await two.text()).toContain('errand_live_grants 0')
  })
})
