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

  test('tell when authorities end and lists run out; what is not there has no series', async () => {
    const metrics = createMetrics({ runtimeMetrics: false })
    metrics.authorityEnds({ current: 2_000_000_000, next: 2_100_000_000 })
    metrics.signingKeyAge('ES256', 60)
    metrics.crlAge(3)
    metrics.importedCrlEnds(2_000_000_500)
    const text = await metrics.text()
    expect(text).toContain('errand_ca_expiry_timestamp_seconds{state="current"} 2000000000')
    expect(text).toContain('errand_ca_expiry_timestamp_seconds{state="next"} 2100000000')
    expect(text).toContain('errand_signing_key_age_seconds{alg="ES256"} 60')
    expect(text).toMatch(/^errand_crl_age_seconds 3$/m)
    expect(text).toMatch(/^errand_imported_crl_expiry_timestamp_seconds 2000000500$/m)
    metrics.authorityEnds({ current: 2_200_000_000 })
    metrics.crlAge(undefined)
    metrics.importedCrlEnds(undefined)
    const later = await metrics.text()
    expect(seriesOf(later, 'errand_ca_expiry_timestamp_seconds')).toHaveLength(1)
    expect(later).not.toMatch(/^errand_(crl|imported)\S* \d/m)
  })

  test('two brokers in one process do not share theirs', async () => {
    const [one, two] = [createMetrics({ runtimeMetrics: false }), createMetrics({ runtimeMetrics: false })]
    one.liveGrants(5)
    expect(await one.text()).toContain('errand_live_grants 5')
    expect(await two.text()).toContain('errand_live_grants 0')
  })
})
