import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from '@jest/globals'
import { openRedisStores } from '../../../src/storage/redis/open.js'
import type { RedisEvent } from '../../../src/storage/redis/connect.js'
import { systemClock } from '../../../src/runtime/clock.js'
import { startRedis, type RedisServer } from '../../support/redis-server.js'
import { Workshop } from '../../support/store-records.js'

describe('a Redis that may forget', () => {
  let server: RedisServer | undefined
  afterEach(async () => {
    await server?.stop()
  })

  const open = async (
    settings: Record<string, string>,
    durability: 'strict' | 'relaxed' | 'trusted',
    user = '',
  ): Promise<readonly RedisEvent[]> => {
    server = await startRedis({ settings })
    const events: RedisEvent[] = []
    const url = `redis://${user}127.0.0.1:${server.port}`
    const onEvent = (event: RedisEvent) => events.push(event)
    const stores = await openRedisStores({ url, durability, replicas: 0, clock: systemClock, onEvent })
    await stores.close()
    return events
  }

  const refused = [
    { durability: 'strict', settings: { appendfsync: 'everysec' }, remedy: 'CONFIG SET appendfsync always' },
    { durability: 'strict', settings: { appendfsync: 'no' }, remedy: 'CONFIG SET appendfsync always' },
    { durability: 'strict', settings: { appendonly: 'no' }, remedy: 'CONFIG SET appendonly yes' },
    {
      durability: 'strict',
      settings: { 'maxmemory-policy': 'allkeys-lru' },
      remedy: 'CONFIG SET maxmemory-policy noeviction',
    },
    { durability: 'relaxed', settings: { appendfsync: 'no' }, remedy: 'CONFIG SET appendfsync always' },
    { durability: 'relaxed', settings: { appendonly: 'no' }, remedy: 'CONFIG SET appendonly yes' },
    {
      durability: 'relaxed',
      settings: { appendfsync: 'everysec', 'maxmemory-policy': 'volatile-ttl' },
      remedy: 'CONFIG SET maxmemory-policy noeviction',
    },
  ] as const

  test.each(refused)('contract §3: $durability does not start with $settings, and says $remedy', async (given) => {
    await expect(open(given.settings, given.durability)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining(given.remedy),
    })
  })

  test('contract §3: strict starts with appendfsync always and noeviction, without a warning', async () => {
    const events = await open({}, 'strict')
    expect(events.filter(({ kind }) => kind === 'warning')).toEqual([])
  })

  test('contract §3: relaxed accepts everysec, and warns', async () => {
    const events = await open({ appendfsync: 'everysec' }, 'relaxed')
    expect(events).toContainEqual({ kind: 'warning', reason: expect.stringContaining('once a second') })
  })

  test('contract §3: trusted asks for nothing', async () => {
    const events = await open({ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' }, 'trusted')
    expect(events.filter(({ kind }) => kind === 'warning')).toEqual([])
  })

  const hidden = { user: 'errand on >secret-word ~* &* +@all -config' }

  test('a server that hides its settings does not start as strict, and says which word trusts it', async () => {
    await expect(open(hidden, 'strict', 'errand:secret-word@')).rejects.toMatchObject({
      message: expect.stringContaining('"trusted"'),
    })
  })

  test('a server that hides its settings starts as trusted, for an ACL user from the url', async () => {
    await expect(open(hidden, 'trusted', 'errand:secret-word@')).resolves.toBeDefined()
  })

  test('the ACL that docs/storage-schema.md gives is enough', async () => {
    const document = readFileSync(new URL('../../../docs/storage-schema.md', import.meta.url), 'utf8')
    const rules = /An ACL user needs `([^`]+)`/.exec(document)?.[1]
    server = await startRedis({ settings: { user: `errand on >secret-word -@all ${rules ?? ''}` } })
    const url = `redis://errand:secret-word@127.0.0.1:${server.port}`
    const stores = await openRedisStores({ url, durability: 'strict', replicas: 0, clock: systemClock })
    const shop = new Workshop()
    const grant = shop.grant()
    expect(await stores.issuance.record(shop.creating(grant, shop.task(grant), 0))).toBe('recorded')
    await expect(stores.ready()).resolves.toBeDefined()
    await stores.close()
  })

  test('a wrong password does not start, and is not in the error', async () => {
    const error = await open(hidden, 'trusted', 'errand:wrong-word@').catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'store_unavailable', message: 'redis refuses the user or password' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('wrong-word')
    expect(String((error as Error).cause)).not.toContain('wrong-word')
  })

  test('a server that is not there does not start, and says so', async () => {
    const url = 'redis://127.0.0.1:1'
    await expect(openRedisStores({ url, durability: 'strict', replicas: 0, clock: systemClock })).rejects.toMatchObject(
      {
        code: 'store_unavailable',
        message: 'redis cannot be reached',
      },
    )
  })
})
