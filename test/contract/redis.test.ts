import { afterAll, beforeAll } from '@jest/globals'
import { openRedisStores } from '../../src/storage/redis/open.js'
import { startRedis, type RedisServer } from '../support/redis-server.js'
import { describeStores } from './describe-stores.js'

let server: RedisServer
let opened = 0

beforeAll(async () => {
  server = await startRedis({ settings: { databases: '1000' } })
})

afterAll(async () => {
  await server.stop()
})

describeStores('the Redis store', (clock) => {
  // A database of its own for each store that is opened: none sees what another left.
  const url = `${server.url}/${(opened += 1)}`
  return openRedisStores({ url, durability: 'strict', replicas: 0, clock })
})
