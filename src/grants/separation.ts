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
export const mayUse = (grant: Grant, workload: Workload, separation: 'strict' | 'best_effort'): boolean =>
  verdicts(grant, workload).every(
    (verdict) => verdict === 'separate' || (verdict === 'cannot_tell' && separation === 'best_effort'),
  )

/** `best_effort` let this run through without being able to tell: the evidence says so. */
export const isUnseparated = (grant: Grant, workload: Workload): boolean =>
  verdicts(grant, workload).includes('cannot_tell')

/** Of each person who approved. A rule reviews for no group, and a person always for one, whatever their people source is called. */
function verdicts({ reviews }: Grant, workload: Workload): readonly Separation[] {
  const startedBy = workload.startedBy === 'unknown' ? {} : workload.startedBy
  return reviews
    .filter(({ decision, group }) => decision === 'approve' && group !== '')
    .map(({ linked }) => separate(startedBy, linked))
}

/** What a grant keeps of who started the run that asked for it. */
export const startedByOf = ({ startedBy, source }: Workload): Pick<Grant, 'startedBy'> =>
  startedBy === undefined ? {} : { startedBy: { source, ...(startedBy === 'unknown' ? {} : startedBy) } }
