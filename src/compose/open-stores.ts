import type { Settings } from '../config/settings.js'
import type { Stores } from '../grants/stores.js'
import type { Log } from '../runtime/log.js'
import { measured } from '../runtime/measured.js'
import { openEmbeddedStores } from '../storage/embedded/open.js'
import { openRedisStores } from '../storage/redis/open.js'
import type { Base } from './base.js'

/** Ends that this instance acknowledged: the next CRL has them. */
export interface Acknowledged {
  readonly ends: () => number
}

/** What ends something with certificates below it. Of those that fail nobody knows: they count, too. */
const ENDING = { grants: 'revise', tasks: 'end', issuance: 'endCredential' } as const satisfies {
  readonly [Port in keyof Stores]?: keyof Stores[Port]
}
const isEnding = (port: keyof Stores, verb: string): boolean =>
  port in ENDING && ENDING[port as keyof typeof ENDING] === verb

/** The configured store, each call of which is timed. */
export async function openStores({
  settings,
  clock,
  log,
  metrics,
}: Pick<Base, 'settings' | 'clock' | 'log' | 'metrics'>): Promise<{ stores: Stores; acknowledged: Acknowledged }> {
  const opened = await openConfigured(settings.store, clock, log)
  let ends = 0
  const observe = (port: keyof Stores) => (verb: string, outcome: 'answered' | 'failed', seconds: number) => {
    metrics.storeCall(port, verb, outcome, seconds)
    if (isEnding(port, verb)) ends += 1
  }
  const stores = {
    grants: measured(opened.grants, observe('grants')),
    deferrals: measured(opened.deferrals, observe('deferrals')),
    issuance: measured(opened.issuance, observe('issuance')),
    tasks: measured(opened.tasks, observe('tasks')),
    deadlines: measured(opened.deadlines, observe('deadlines')),
    certificates: measured(opened.certificates, observe('certificates')),
    evidence: measured(opened.evidence, observe('evidence')),
    keys: opened.keys,
    authorities: opened.authorities,
    ready: () => opened.ready(),
    close: () => opened.close(),
  }
  return { stores, acknowledged: { ends: () => ends } }
}

function openConfigured(store: Settings['store'], clock: Base['clock'], log: Log): Promise<Stores> {
  if (store.kind === 'embedded') return openEmbeddedStores({ directory: store.directory, clock })
  return openRedisStores({
    url: store.connectionUrl(),
    durability: store.durability,
    replicas: store.replicas,
    clock,
    onEvent: (event) => {
      log.warn(`redis_${event.kind}`, 'reason' in event ? { reason: event.reason } : {})
    },
  })
}
