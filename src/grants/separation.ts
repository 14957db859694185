import type { Workload } from '../workloads/workload.js'
import type { Grant } from './grant.js'

/**
 * Separation of duty: nobody approves a run that they started (invariant 6, contract §3 `separation`). Who started it is
 * what the source says; who an approver is at that source is their `links` claim.
 */
export type Separation = 'separate' | 'same' | 'cannot_tell'

/** `startedBy` absent: the source names nobody, which exempts. */
export function separate(startedBy: { readonly id?: string } | undefined, linked: string | undefined): Separation {
  if (startedBy === undefined) return 'separate'
  if (startedBy.id === undefined || linked === undefined) return 'cannot_tell'
  return startedBy.id === linked ? 'same' : 'separate'
}

/** Whether this run may use a grant, whoever started it: a standing window is approved before anybody knows its runs. */
export function mayUse(grant: Grant, workload: Workload, separation: 'strict' | 'best_effort'): boolean {
  const startedBy = workload.startedBy === 'unknown' ? {} : workload.startedBy
  return grant.reviews.every((review) => {
    // A rule reviews for no group, and a person always for one, whatever their people source is called.
    if (review.decision !== 'approve' || review.group === '') return true
    const verdict = separate(startedBy, review.linked)
    return verdict === 'separate' || (verdict === 'cannot_tell' && separation === 'best_effort')
  })
}

/** What a grant keeps of who started the run that asked for it. */
export const startedByOf = ({ startedBy, source }: Workload): Pick<Grant, 'startedBy'> =>
  startedBy === undefined ? {} : { startedBy: { source, ...(startedBy === 'unknown' ? {} : startedBy) } }
