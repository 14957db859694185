import type { Shard } from '../runtime/ids.js'
import type { Workload } from '../workloads/workload.js'
import type { ExchangeDeps } from './dependencies.js'
import { refused, type Refused } from './outcome.js'
import type { ExchangeRefusal } from './refusal.js'

/** Refusals that the caller corrects by itself or waits out, and that would flood the evidence of a busy day. They are counted and logged. */
const UNRECORDED: ReadonlySet<ExchangeRefusal['reason']> = new Set(['too_fast', 'poll_too_fast'])

/** A workload, or as much of one as its credential says. */
interface Refusable extends Pick<Workload, 'spiffeId' | 'shard'> {
  readonly assertion?: Workload['assertion']
}

/** A verified caller was refused: that is evidence; a stranger is only counted and logged (invariant 14). */
export async function recordRefusal(
  deps: Pick<ExchangeDeps, 'describe' | 'clock' | 'stores'>,
  workload: Refusable,
  refusal: ExchangeRefusal,
  subject: { readonly audience?: string; readonly shard?: Shard } = {},
): Promise<Refused> {
  if (!UNRECORDED.has(refusal.reason)) {
    const { reason, ...facts } = refusal
    const about = {
      workload: workload.spiffeId,
      ...(subject.audience === undefined ? {} : { audience: subject.audience }),
    }
    const data = {
      reason,
      ...facts,
      ...(workload.assertion === undefined ? {} : { assertion: workload.assertion.key }),
    }
    await deps.stores.evidence.append([
      deps.describe(subject.shard ?? workload.shard, 'exchange.refused', deps.clock.now(), about, data),
    ])
  }
  return refused(refusal)
}
