import type { Settings } from '../config/settings.js'
import type { Stores } from '../grants/stores.js'
import type { MasterKey } from '../issuance/master-key.js'
import type { Clock } from '../runtime/clock.js'
import type { Log } from '../runtime/log.js'
import type { Metrics } from '../runtime/metrics.js'

/** What everything else rests on. Who wires a part takes from it what that part needs, and hands on no more. */
export interface Base {
  readonly settings: Settings
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly masterKey: MasterKey
  readonly stores: Stores
}
