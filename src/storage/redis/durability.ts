import type { Redis } from 'ioredis'
import { faultOf, storeUnavailable } from './faults.js'

/** How sure a write must be before it is acknowledged (contract §3). */
export type Durability = 'strict' | 'relaxed' | 'trusted'

interface Settings {
  readonly appendonly: string
  readonly appendfsync: string
  readonly policy: string
}

/** What is wrong with a server's settings, each with its remedy; nothing when all is well. */
function durabilityFaults({ appendonly, appendfsync, policy }: Settings): {
  readonly lossy: readonly string[]
  readonly evicting: readonly string[]
} {
  const lossy = [
    ...(appendonly === 'yes' ? [] : ['appendonly is off, so a restart forgets: CONFIG SET appendonly yes']),
    ...(appendfsync === 'always'
      ? []
      : [`appendfsync is ${appendfsync}, so a crash forgets: CONFIG SET appendfsync always`]),
  ]
  const evicting =
    policy === 'noeviction'
      ? []
      : [`maxmemory-policy is ${policy}, so records vanish: CONFIG SET maxmemory-policy noeviction`]
  return { lossy, evicting }
}

/**
 * Asks every master for its settings.
 * `strict`: every write is on disk before it is acknowledged, or Errand does not start. `relaxed`: a second of writes may
 * be lost in a crash, with a warning; eviction is refused, and so is a server that keeps nothing on disk. `trusted`: the
 * server hides its settings, and whoever configured this has seen to them.
 *
 * @throws Fault `store_unavailable` that says what to set.
 */
export async function checkDurability(
  masters: readonly Redis[],
  durability: Durability,
  warn: (reason: string) => void,
): Promise<void> {
  if (durability === 'trusted') return
  for (const master of masters) {
    const settings = await settingsOf(master)
    const { lossy, evicting } = durabilityFaults(settings)
    const tolerated = durability === 'relaxed' && settings.appendonly === 'yes' && settings.appendfsync === 'everysec'
    const faults = tolerated ? evicting : [...lossy, ...evicting]
    if (tolerated) warn('redis writes to disk once a second: what it acknowledged in the last one can be lost')
    if (faults.length > 0) {
      const remedy = 'set it in redis.conf too, or choose another store.durability'
      throw storeUnavailable(`redis is not durable enough for "${durability}": ${faults.join('; ')}; ${remedy}`)
    }
  }
}

async function settingsOf(master: Redis): Promise<Settings> {
  try {
    const get = async (name: string): Promise<string> => {
      const [, value = ''] = await master.config('GET', name)
      return value
    }
    const [appendonly, appendfsync, policy] = await Promise.all([
      get('appendonly'),
      get('appendfsync'),
      get('maxmemory-policy'),
    ])
    if (appendonly !== '') return { appendonly, appendfsync, policy }
  } catch (error) {
    const fault = faultOf(error)
    if (!hidesSettings(error)) throw fault
  }
  throw storeUnavailable(
    'redis does not show its settings: allow this user CONFIG GET, or set store.durability to "trusted" after making sure of appendfsync always and noeviction',
  )
}

const hidesSettings = (error: unknown): boolean =>
  error instanceof Error && /^(NOPERM|ERR unknown command|ERR .*not allowed)/i.test(error.message)
