import { hasRunIds, whereaboutsOf } from '../grants/whereabouts.js'
import type { Whereabouts } from '../grants/grant-store.js'
import type { Workload } from '../workloads/workload.js'
import type { ExchangeDeps } from './dependencies.js'
import type { ExchangeRefusal } from './refusal.js'

/** Whether this workload's own run has ended. A source without run ids has no run that could. */
export async function runHasEnded({ stores }: Pick<ExchangeDeps, 'stores'>, workload: Workload): Promise<boolean> {
  return hasRunIds(workload) && (await hasEndedAt(stores, whereaboutsOf(workload, '')))
}

/** Of a run that is known by where it is found. */
export const hasEndedAt = async (
  { grants }: Pick<ExchangeDeps['stores'], 'grants'>,
  where: Whereabouts,
): Promise<boolean> => (await grants.find(where)).runEnded

/** Once a run has ended, all that it hears is that, whatever else could be said of its request (contract §1, "Tasks"). */
export const endedFirst = async (
  deps: Pick<ExchangeDeps, 'stores'>,
  workload: Workload,
  refusal: ExchangeRefusal,
): Promise<ExchangeRefusal> => ((await runHasEnded(deps, workload)) ? { reason: 'run_ended' } : refusal)
