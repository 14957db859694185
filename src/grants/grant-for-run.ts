import { formatTime, type EpochSeconds } from '../runtime/clock.js'
import type { GrantId } from '../runtime/ids.js'
import type { Asked } from '../policy/resolve-access.js'
import { deriveDelegate } from '../workloads/delegate.js'
import type { Workload } from '../workloads/workload.js'
import { digestOf } from './digest.js'
import type { Grant, Review, Terms } from './grant.js'
import { activate } from './lifecycle.js'
import { startedByOf } from './separation.js'

/** A grant that an exchange asks for: for this workload, this run, one task. */
export interface RunRequest {
  readonly issuer: string
  readonly id: GrantId
  readonly workload: Workload
  readonly asked: Asked
  readonly task: string
  readonly lifetime: number | undefined
  readonly purpose: string
  readonly now: EpochSeconds
}

/** How long a grant that people decide on lasts from its activation, unless the tier's window is shorter. Seconds. */
const REVIEWED_DURATION = 3600
/** A rule's grant outlasts any job; the lease of its one task ends it. Seconds. */
const RULED_DURATION = 86_400

/** Pending: people will decide. */
export const pendingForRun = (request: RunRequest): Grant => grantForRun(request, REVIEWED_DURATION)

/** Active at once, with the rules that permitted it as its reviewer (contract §3, `approval: policy`). */
export function activeByRule(request: RunRequest, rules: readonly string[]): Grant {
  const grant = grantForRun(request, RULED_DURATION)
  const digest = digestOf(grant.terms)
  const reviews = rules.map((rule): Review => ({
    by: `rule:${rule}`,
    same_person: `rule:${rule}`,
    group: '',
    decision: 'approve',
    reason: '',
    at: formatTime(request.now),
    digest,
    auth_time: request.now,
  }))
  return activate({ ...grant, reviews }, request.now)
}

function grantForRun(request: RunRequest, longest: number): Grant {
  const { workload, asked, now } = request
  return {
    terms: termsForRun(request, Math.min(longest, asked.tier.maxWindow)),
    status: 'pending',
    createdAt: now,
    reviews: [],
    ...startedByOf(workload),
  }
}

function termsForRun(request: RunRequest, duration: number): Terms {
  const { workload, asked, now } = request
  return {
    v: 1,
    issuer: request.issuer,
    id: request.id,
    tier: asked.tier.name,
    delegate: deriveDelegate(workload),
    sealed: workload.sealed,
    task: {
      description: request.task === '' ? workload.description : `${workload.description} (${request.task})`,
      reference: workload.reference ?? '',
      max_tasks: 1,
    },
    access: [asked.access],
    credential: {
      // One approval for each type that the resource takes: an errand asks for the one or the other, or for both in turn.
      types: asked.resource.credentials,
      max_ttl_seconds: Math.min(request.lifetime ?? asked.tier.maxTtl, asked.tier.maxTtl),
      binding: asked.tier.binding,
    },
    delegation: { to: [], max_depth: 0, max_children: 0 },
    purpose: request.purpose,
    requested_by: { kind: 'workload', id: workload.spiffeId },
    owner: workload.owner,
    decide_by: formatTime(now + asked.tier.decideWithin),
    duration_seconds: duration,
    required_reviews: asked.tier.requiredReviews,
  }
}
