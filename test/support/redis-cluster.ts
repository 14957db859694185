import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer, type RedisServerOptions } from './redis-server.js'

/** Three masters on loopback, which share the 16,384 slots. */
export interface RedisCluster {
  readonly url: string
  readonly nodes: readonly RedisServer[]
  stop(): Promise<void>
}

const RANGES = [
  ['0', '5460'],
  ['5461', '10922'],
  ['10923', '16383'],
] as const

export async function startRedisCluster(settings: RedisServerOptions['settings'] = {}): Promise<RedisCluster> {
  const options = { settings: { 'cluster-enabled': 'yes', 'cluster-node-timeout': '15000', ...settings } }
  const nodes = await Promise.all(RANGES.map(() => startRedis(options)))
  const [first] = nodes
  if (first === undefined) throw new Error('no node')
  for (const [at, node] of nodes.entries()) {
    const [from, to] = RANGES[at] ?? RANGES[0]
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1))
    await node.command('CLUSTER', 'ADDSLOTSRANGE', from, to)
    if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(first.port))
  }
  for (const node of nodes) await untilWhole(node)
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

async function untilWhole(node: RedisServer): Promise<void> {
  for (let attempt = 0; attempt < 2400; attempt += 1) {
    const info = String(await node.command('CLUSTER', 'INFO'))
    if (info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')) return
    await sleep(25)
  }
  throw new Error('the cluster does not come together')
}
