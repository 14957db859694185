import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Stores } from '../../../src/grants/stores.js'
import { Fault } from '../../../src/runtime/fault.js'
import { openRedisStores } from '../../../src/storage/redis/open.js'
import { turnableClock } from '../../support/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import { Workshop } from '../../support/store-records.js'

const clock = turnableClock()

describe('an outage of Redis', () => {
  let server: RedisServer
  let stores: Stores

  beforeEach(async () => {
    server = await startRedis()
    stores = await open()
  })
  afterEach(async () => {
    await stores.close()
    await server.stop()
  })

  const open = (commandTimeoutMs = 20_000) =>
    openRedisStores({ url: server.url, durability: 'strict', replicas: 0, clock, commandTimeoutMs })

  const issue = () => {
    const shop = new Workshop()
    const grant = shop.grant()
    const issuance = shop.creating(grant, shop.task(grant), 0)
    return { issuance, recorded: stores.issuance.record(issuance) }
  }

  const eventually = async (check: () => Promise<boolean>): Promise<void> => {
    for (let attempt = 0; attempt < 1200; attempt += 1) {
      if (await check().catch(() => false)) return
      await sleep(50)
    }
    throw new Error('it does not happen')
  }

  const untilItAnswers = (): Promise<void> =>
    eventually(async () => {
      await stores.ready()
      return true
    })

  test('invariant 2: killed with 64 steps in flight, what was acknowledged is there, and it recovers by itself', async () => {
    const before = Array.from({ length: 64 }, issue)
    const kill = sleep(3).then(() => server.kill())
    const answers = await Promise.allSettled(before.map(({ recorded }) => recorded))
    await kill
    const down = await Promise.allSettled(Array.from({ length: 8 }, issue).map(({ recorded }) => recorded))
    for (const answer of [...answers, ...down]) {
      if (answer.status === 'fulfilled') expect(answer.value).toBe('recorded')
      else expect(answer.reason).toMatchObject({ code: 'store_unavailable' })
    }
    expect(down.every(({ status }) => status === 'rejected')).toBe(true)

    await server.restart()
    await untilItAnswers()
    for (const [at, { issuance }] of before.entries()) {
      if (answers[at]?.status !== 'fulfilled') continue
      expect(await stores.issuance.look(issuance.credential.id, clock.now())).toMatchObject({ live: true })
    }
    expect(await issue().recorded).toBe('recorded')
  })

  test('a command without an answer is given up in time, and is not sent again', async () => {
    await stores.close()
    stores = await open(1000)
    process.kill(server.pid, 'SIGSTOP')
    const started = performance.now()
    const { issuance, recorded } = issue()
    await expect(recorded).rejects.toThrow(Fault)
    expect(performance.now() - started).toBeLessThan(20_000)
    process.kill(server.pid, 'SIGCONT')
    await untilItAnswers()
    // It was carried out at most once: its evidence is there once, or not at all.
    const lines = await stores.evidence.read(issuance.where.shard, 0, 100)
    expect(lines.length).toBeLessThanOrEqual(1)
    expect(await stores.issuance.record(issuance)).toBe('recorded')
    expect(await stores.evidence.read(issuance.where.shard, 0, 100)).toHaveLength(1)
  })

  test('out of memory, nothing is changed and no claim is taken', async () => {
    const { issuance, recorded } = issue()
    expect(await recorded).toBe('recorded')
    const evidence = await stores.evidence.heads()
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb')
    const shop = new Workshop()
    const grant = shop.grant()
    const claims = [{ key: shop.anchor, binding: '', until: clock.now() + 60 }]
    const next = shop.creating(grant, shop.task(grant), 0, { claims })
    await expect(stores.issuance.record(next)).rejects.toMatchObject({ message: 'redis is out of memory' })
    await expect(stores.ready()).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await stores.evidence.heads()).toEqual(evidence)
    expect(await stores.grants.read(grant.id)).toBeUndefined()
    expect(await stores.issuance.look(issuance.credential.id, clock.now())).toMatchObject({ live: true })
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    expect(await stores.issuance.record(next)).toBe('recorded')
  })

  test('a server whose scripts were forgotten gets them again', async () => {
    await server.command('SCRIPT', 'FLUSH')
    expect(await issue().recorded).toBe('recorded')
  })

  test('a server that became a replica is let go of', async () => {
    await server.command('REPLICAOF', '127.0.0.1', '1')
    await expect(issue().recorded).rejects.toMatchObject({ message: 'redis is a replica' })
    await server.command('REPLICAOF', 'NO', 'ONE')
    await untilItAnswers()
    expect(await issue().recorded).toBe('recorded')
  })

  test('a server that comes back less durable than it was is not written to', async () => {
    await server.command('CONFIG', 'SET', 'appendfsync', 'everysec')
    // The server has not restarted, but the connection has.
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const reasons = async () =>
      stores.ready().then(
        () => 'ready',
        (error: unknown) => String(error),
      )
    await eventually(async () => (await reasons()).includes('CONFIG SET appendfsync always'))
    await expect(issue().recorded).rejects.toMatchObject({ code: 'store_unavailable' })
    await server.command('CONFIG', 'SET', 'appendfsync', 'always')
    await untilItAnswers()
    expect(await issue().recorded).toBe('recorded')
  })
})
