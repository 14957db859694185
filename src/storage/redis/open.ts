import type { Stores } from '../../grants/stores.js'
import type { Clock } from '../../runtime/clock.js'
import { Fault } from '../../runtime/fault.js'
import { redisCertificateStore } from './certificates.js'
import { commandsOn, ofEachShard, type Commands } from './commands.js'
import { createClient, mastersOf, type RedisClient, type RedisEvent } from './connect.js'
import { redisDeadlineStore } from './deadlines.js'
import { redisDeferralStore } from './deferrals.js'
import { checkDurability, type Durability } from './durability.js'
import { watchDurability } from './durability-watch.js'
import { redisEvidenceStore } from './evidence.js'
import { faultOf } from './faults.js'
import { redisGrantStore } from './grants.js'
import { redisIssuanceStore } from './issuance.js'
import { redisKeyStore } from './key-store.js'
import { authoritiesKey, keyRingKey, probeKey } from './keys.js'
import { numberOf } from './replies.js'
import { loadScript } from './script.js'
import { redisTaskStore } from './tasks.js'

/*
 * Grants and all that follows from them, in Redis 7 or later: one server, Sentinel, or Cluster. Every step is one Lua
 * file, so it is atomic, and one round trip; every key is named in `keys.ts` and described in `docs/storage-schema.md`.
 * This folder is the only one that knows ioredis. What it cannot know, it says by `Fault('store_unavailable')`.
 */

export interface RedisStoresOptions {
  /** See `connection-url.ts`. */
  readonly url: string
  readonly durability: Durability
  /** How many replicas must have a write before it is acknowledged. */
  readonly replicas: number
  readonly clock: Clock
  readonly commandTimeoutMs?: number
  readonly onEvent?: (event: RedisEvent) => void
}

const PROBE = loadScript('probe')

/** @throws Fault `store_unavailable` when Redis cannot be reached or is not durable enough; TypeError for a wrong URL. */
export async function openRedisStores(options: RedisStoresOptions): Promise<Stores> {
  const { clock, commandTimeoutMs = 2000, onEvent = () => undefined } = options
  let lastError: unknown
  const client = createClient({
    url: options.url,
    commandTimeoutMs,
    onEvent,
    onError: (error) => {
      lastError = error
    },
  })
  const check = (): Promise<void> =>
    checkDurability(mastersOf(client), options.durability, (reason) => {
      onEvent({ kind: 'warning', reason })
    })
  try {
    await client.connect()
    await check()
  } catch (error) {
    client.disconnect()
    // What connect rejects with says only that the connection was closed.
    throw faultOf(error instanceof Fault ? error : (lastError ?? error))
  }
  const watch = watchDurability(client, check, (reason) => {
    onEvent({ kind: 'error', reason })
  })
  const commands = commandsOn(client, {
    doubt: watch.doubt,
    replicas: options.replicas,
    // Replicas have less time than the whole command.
    timeoutMs: Math.ceil(commandTimeoutMs / 2),
  })
  return {
    grants: redisGrantStore(commands),
    deferrals: redisDeferralStore(commands, clock),
    issuance: redisIssuanceStore(commands),
    tasks: redisTaskStore(commands),
    deadlines: redisDeadlineStore(commands),
    certificates: redisCertificateStore(commands),
    evidence: redisEvidenceStore(commands),
    keys: redisKeyStore(commands, keyRingKey),
    authorities: redisKeyStore(commands, authoritiesKey),
    ready: () => probe(commands, clock),
    close: () => {
      watch.stop()
      return close(client)
    },
  }
}

/** Writes in every shard, so that each master of a cluster shows that it can be written to. */
async function probe(commands: Commands, clock: Clock): Promise<{ readonly clockSkewSeconds: number }> {
  const skews = await ofEachShard(async (shard) => {
    const theirs = numberOf(await commands.change(PROBE, [probeKey(shard)], []))
    return Math.abs(theirs - clock.nowMs()) / 1000
  })
  return { clockSkewSeconds: Math.max(...skews) }
}

/** Waits for the answers to what was sent, then lets go of every connection (Sentinel's too). */
async function close(client: RedisClient): Promise<void> {
  await client.quit().catch(() => undefined)
  client.disconnect()
}
