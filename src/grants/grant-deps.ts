import type { DescribeEvent } from '../evidence/describe-event.js'
import type { Catalogue } from '../policy/catalogue.js'
import type { Clock } from '../runtime/clock.js'
import type { Ids } from '../runtime/ids.js'
import type { WorkloadSource } from '../workloads/source.js'
import type { GrantSafe } from './grant-safe.js'
import type { Stores } from './stores.js'

/** What the use cases on grants and tasks need. Composed once (`compose/grants.ts`). */
export interface GrantDeps {
  readonly issuer: string
  readonly catalogue: Catalogue
  /** By issuer. */
  readonly sources: ReadonlyMap<string, WorkloadSource>
  readonly limits: GrantLimits
  readonly clock: Clock
  readonly ids: Ids
  readonly stores: Pick<Stores, 'grants' | 'tasks' | 'issuance' | 'evidence'>
  readonly safe: GrantSafe
  /** Whether a listener takes client certificates: without one, mutual TLS binds nothing. */
  readonly takesCertificates: boolean
  readonly describe: DescribeEvent
}

export interface GrantLimits {
  readonly pendingPerWorkload: number
  readonly pendingPerGroup: number
  readonly pendingPerPerson: number
  /** Seconds for which requests equal to a denied one are refused. */
  readonly coolDown: number
  /** Seconds; a task's lease. */
  readonly lease: number
}
