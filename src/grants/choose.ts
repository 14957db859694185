import { nameNotAllowed } from '../policy/certificate-names.js'
import type { Asked } from '../policy/resolve-access.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { GrantId, TaskId } from '../runtime/ids.js'
import { delegateCovers } from '../workloads/delegate.js'
import type { Workload } from '../workloads/workload.js'
import { isWithin } from './access.js'
import type { CredentialType, Grant } from './grant.js'
import type { Found, GrantRecord } from './grant-store.js'
import { isActive } from './lifecycle.js'
import { meets } from './review.js'
import { mayUse } from './separation.js'

/** A grant that the store found, opened: its MAC has been verified. */
export interface OpenedGrant {
  readonly record: GrantRecord
  readonly grant: Grant
}

export type Choice =
  /** This grant, under the task that the run has open, or under a new one. */
  | { readonly kind: 'use'; readonly chosen: OpenedGrant; readonly task: TaskId | undefined }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly ids: readonly GrantId[] }
  /** The only grants that would cover it had this very task, and it has ended: its key refuses for ever. */
  | { readonly kind: 'task_ended' }

export interface ChoiceFacts {
  readonly workload: Workload
  readonly asked: Asked
  readonly type: CredentialType
  readonly tasks: Found['tasks']
  readonly now: EpochSeconds
}

/** Which grant (contract §1): one whose task this run has open; else one sealed to it; else the single one. */
export function chooseGrant(grants: readonly OpenedGrant[], facts: ChoiceFacts): Choice {
  const covering = grants.filter(({ grant }) => covers(grant, facts))
  const taskOf = (id: GrantId): Found['tasks'][number] | undefined => facts.tasks.find((task) => task.grantId === id)
  const usable = covering.filter(({ record, grant }) => {
    const task = taskOf(record.id)
    return task === undefined ? record.tasks < grant.terms.task.max_tasks : task.open
  })
  const steps = [
    usable.filter(({ record }) => taskOf(record.id)?.open === true),
    usable.filter(({ grant }) => Object.keys(grant.terms.sealed).length > 0),
    usable,
  ]
  const [chosen, ...others] = steps.find((step) => step.length > 0) ?? []
  if (chosen === undefined)
    return covering.some(({ record }) => taskOf(record.id)?.open === false) ? { kind: 'task_ended' } : { kind: 'none' }
  if (others.length > 0) return { kind: 'several', ids: [chosen, ...others].map(({ record }) => record.id).sort() }
  return { kind: 'use', chosen, task: taskOf(chosen.record.id)?.taskId }
}

/** Everything but the scope: whether a grant is this workload's to use now. */
export const isFor = (grant: Grant, { workload, asked, now }: ChoiceFacts): boolean =>
  isActive(grant, now) &&
  delegateCovers(grant.terms.delegate, workload) &&
  isSealedTo(grant, workload) &&
  meets(grant.reviews, grant.terms.required_reviews) &&
  // Policy runs anew at each exchange: what the tier asks for today must have been given too.
  meets(grant.reviews, asked.tier.requiredReviews) &&
  mayUse(grant, workload, asked.tier.separation)

const covers = (grant: Grant, facts: ChoiceFacts): boolean =>
  isFor(grant, facts) && isWithin(facts.asked.access, grant.terms.access) && gives(grant, facts)

/** Whether it gives credentials of this type: a certificate only as long as the resource lets its names through. */
export const gives = (
  { terms: { credential } }: Grant,
  { type, asked }: Pick<ChoiceFacts, 'type' | 'asked'>,
): boolean =>
  credential.types.includes(type) &&
  (type !== 'x509' ||
    credential.names === undefined ||
    nameNotAllowed(asked.resource.certificateNames, credential.names) === undefined)

const isSealedTo = ({ terms }: Grant, workload: Workload): boolean =>
  Object.entries(terms.sealed).every(
    ([name, value]) => Object.hasOwn(workload.sealed, name) && workload.sealed[name] === value,
  )
