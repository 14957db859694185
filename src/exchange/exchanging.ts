import type { Whereabouts } from '../grants/grant-store.js'
import type { ExchangeRequest } from '../oauth/token-request.js'
import type { Asked } from '../policy/resolve-access.js'
import type { ProofOfPossession } from '../workloads/possession.js'
import type { Wanted } from './wanted.js'
import type { Workload } from '../workloads/workload.js'

/** An exchange, as far as it is known before the store is asked. */
export interface Exchanging {
  readonly request: ExchangeRequest
  readonly workload: Workload
  /** All that proved themselves: their assertions are used up together. */
  readonly proved: readonly Workload[]
  /** The keys that were proved with the request. */
  readonly proof: ProofOfPossession
  readonly asked: Asked
  readonly wanted: Wanted
  readonly where: Whereabouts
  /** `task`, or empty. */
  readonly task: string
  readonly rules: readonly string[]
}
