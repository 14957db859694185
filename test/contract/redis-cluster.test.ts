import { afterAll, beforeAll } from '@jest/globals'
import { openRedisStores } from '../../src/storage/redis/open.js'
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js'
import { describeStores } from './describe-stores.js'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startRedisCluster()
})

afterAll(async () => {
  await cluster.stop()
})

// A cluster has one database, so it is emptied for each store that is opened: no test counts on what another left.
describeStores('the Redis store on a cluster of three', async (clock) => {
  for (const node of cluster.nodes) await node.command('FLUSHALL')
  return openRedisStores({ url: cluster.url, durability: 'strict', replicas: 0, clock })
})
