import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'

describe('docs/operating.md, "While Redis is away"', () => {
  let redis: RedisServer
  let broker: TestBroker

  beforeAll(async () => {
    redis = await startRedis()
    broker = await startBroker({ store: { url: redis.url } })
  })

  afterAll(async () => {
    await broker.stop()
    await redis.stop()
  })

  const statusOf = async (path: string): Promise<number> => (await fetch(`${broker.url}${path}`)).status
  const metrics = async (): Promise<string> => (await fetch(`${broker.url}/metrics`)).text()

  const untilReady = async (): Promise<number> => {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      if ((await statusOf('/readyz')) === 200) return 200
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return 503
  }

  test('it is alive and not ready, says 503 with Retry-After, keeps its keys and metrics, and comes back by itself', async () => {
    expect(await untilReady()).toBe(200)
    await redis.kill()

    const refused = await broker.post('/token', exchangeForm(await broker.assertion()))
    expect(refused).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await statusOf('/healthz')).toBe(200)
    expect(await statusOf('/jwks')).toBe(200)
    expect(await metrics()).toMatch(
      /errand_store_duration_seconds_count\{port="grants",verb="find",outcome="failed"\} [1-9]/,
    )
    // The answer of a moment before is given for a second.
    await new Promise((resolve) => setTimeout(resolve, 1100))
    expect(await statusOf('/readyz')).toBe(503)

    await redis.restart()
    expect(await untilReady()).toBe(200)
    expect(await broker.post('/token', exchangeForm(await broker.assertion()))).toMatchObject({ status: 200 })
  })
})
