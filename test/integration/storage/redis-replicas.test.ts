import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Stores } from '../../../src/grants/stores.js'
import { systemClock } from '../../../src/runtime/clock.js'
import { openRedisStores } from '../../../src/storage/redis/open.js'
import { turnableClock } from '../../support/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import { Workshop } from '../../support/store-records.js'

const record = (stores: Stores) => {
  const shop = new Workshop()
  const grant = shop.grant()
  return stores.issuance.record(shop.creating(grant, shop.task(grant), 0))
}

const eventually = async (check: () => Promise<boolean>): Promise<void> => {
  for (let attempt = 0; attempt < 1200; attempt += 1) {
    if (await check().catch(() => false)) return
    await sleep(50)
  }
  throw new Error('it does not happen')
}

describe('contract §3: replicas: 1', () => {
  let master: RedisServer
  let replica: RedisServer
  let stores: Stores

  beforeAll(async () => {
    master = await startRedis()
    replica = await startRedis({ settings: { replicaof: `127.0.0.1 ${master.port}` } })
    await eventually(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'))
    const options = { url: master.url, durability: 'strict', replicas: 1, commandTimeoutMs: 3000 } as const
    stores = await openRedisStores({ ...options, clock: turnableClock() })
  })
  afterAll(async () => {
    await stores.close()
    await master.stop()
    await replica.stop()
  })

  test('a write that the replica has is acknowledged', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => record(stores)))
    expect(new Set(answers)).toEqual(new Set(['recorded']))
  })

  test('a refusal waits too: it may rest on what the replica has not seen', async () => {
    const shop = new Workshop()
    const grant = shop.grant()
    const issuance = shop.creating(grant, shop.task(grant), 0)
    expect(await stores.issuance.record(issuance)).toBe('recorded')
    process.kill(replica.pid, 'SIGSTOP')
    await expect(stores.issuance.record(issuance)).rejects.toMatchObject({ code: 'store_unavailable' })
    process.kill(replica.pid, 'SIGCONT')
    await eventually(async () => (await stores.issuance.record(issuance)) === 'recorded')
  })

  test('a write that no replica has is not acknowledged', async () => {
    await replica.kill()
    await expect(record(stores)).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('Sentinel', () => {
  let servers: RedisServer[] = []
  let stores: Stores

  beforeAll(async () => {
    const master = await startRedis()
    const replica = await startRedis({ settings: { replicaof: `127.0.0.1 ${master.port}` } })
    servers = [master, replica]
    await eventually(async () => String(await replica.command('INFO', 'replication')).includes('master_link_status:up'))
    const sentinel = await startRedis({
      sentinel: true,
      settings: {
        'sentinel monitor': `mymaster 127.0.0.1 ${master.port} 1`,
        'sentinel down-after-milliseconds': 'mymaster 3000',
        'sentinel failover-timeout': 'mymaster 3000',
      },
    })
    servers.push(sentinel)
    await eventually(
      async () => ((await sentinel.command('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]).length === 1,
    )
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`
    stores = await openRedisStores({
      url,
      durability: 'strict',
      replicas: 0,
      clock: systemClock,
      commandTimeoutMs: 3000,
    })
  })
  afterAll(async () => {
    await stores.close()
    for (const server of servers) await server.stop()
  })

  test('after the master is lost, the store goes on with the replica that was promoted', async () => {
    expect(await record(stores)).toBe('recorded')
    await servers[0]?.kill()
    await expect(record(stores)).rejects.toMatchObject({ code: 'store_unavailable' })
    await eventually(async () => (await record(stores)) === 'recorded')
  })
})
