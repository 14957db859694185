import { sha256Base64url } from '../runtime/digest.js'
import { canonicalize } from '../runtime/jcs.js'
import type { Workload } from '../workloads/workload.js'
import type { Terms } from './grant.js'
import type { Whereabouts } from './grant-store.js'

/**
 * Where the store finds what belongs to a workload, to its run, and to one errand of that run. A source without run ids
 * must send `task`: there the errand stands for the run.
 */
export function whereaboutsOf(workload: Workload, task: string): Whereabouts {
  const run = identityOf(workload)
  const errand = key([...run, task])
  return {
    shard: workload.shard,
    anchor: anchorKeyOf(workload.source, workload.anchor.value),
    run: hasRunIds(workload) ? key(run) : errand,
    errand,
  }
}

export const hasRunIds = (workload: Workload): boolean => Object.keys(workload.sealed).length > 0

export const anchorKeyOf = (source: string, anchor: string): string => key([source, anchor])

/** Who may poll a deferral code: this run of this workload, with the same keys as the first request proved. */
export const holderOf = (workload: Workload, proofs: readonly string[]): string =>
  key([...identityOf(workload), [...proofs].sort()])

/**
 * Who may poll a deferral code whose first request was bound by keys alone: whoever proves the same keys. A hash of its own
 * kind, so that it is never that of a run.
 */
export const holderByKeys = (proofs: readonly string[]): string => key(['keys alone', [...proofs].sort()])

const identityOf = (workload: Workload): readonly unknown[] => [
  workload.source,
  workload.anchor.value,
  Object.entries(workload.sealed).sort(([a], [b]) => (a < b ? -1 : 1)),
]

// Arrays of strings in one fixed order: their JSON is already canonical.
const key = (parts: readonly unknown[]): string => sha256Base64url(JSON.stringify(parts))

/**
 * Requests that are equal in sealed claims, task, access, lifetime, purpose and key join one pending grant (contract §1,
 * "Deferred"): their terms differ in nothing but the id and the time.
 */
export function joinKeyOf(terms: Terms, proofs: readonly string[] = []): string {
  const { id: _id, decide_by: _decideBy, ...equal } = terms
  return sha256Base64url(canonicalize(proofs.length === 0 ? equal : [equal, ...[...proofs].sort()]))
}
