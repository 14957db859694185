import { chooseGrant, type OpenedGrant } from '../grants/choose.js'
import { intersect } from '../grants/access.js'
import type { DeferralRecord } from '../grants/grant-store.js'
import { storedAsOf } from '../grants/lifecycle.js'
import { holderOf, hasRunIds, whereaboutsOf } from '../grants/whereabouts.js'
import type { PollRequest } from '../oauth/token-request.js'
import { splitScope } from '../oauth/scope.js'
import { decide } from '../policy/decide.js'
import { resolveAccess, type Asked } from '../policy/resolve-access.js'
import { sha256Base64url } from '../runtime/digest.js'
import { Fault } from '../runtime/fault.js'
import type { Workload } from '../workloads/workload.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { ATTEMPTS } from './attempts.js'
import { authenticateClient } from './authenticate-client.js'
import { decodeDeferredRequest, type DeferredRequest } from './deferred-request.js'
import type { ExchangeDeps } from './dependencies.js'
import { issue, type Plan } from './issue.js'
import { issueRefusal } from './issue-refusal.js'
import { refused, type Outcome } from './outcome.js'
import { recordRefusal } from './record-refusal.js'
import type { ExchangeRefusal } from './refusal.js'
import { endedFirst, runHasEnded } from './run-ended.js'

/** Whoever made the deferred request asks whether it has been decided (Deferred Token Response, "Polling"). The assertion is spent by success alone. */
export async function poll(deps: ExchangeDeps, request: PollRequest): Promise<Outcome> {
  if (request.clientAssertion === undefined) return refused({ reason: 'client_missing' })
  const client = await authenticateClient(deps, request.clientAssertion, request.clientId)
  if (!client.ok) return refused(client.refusal)
  const workload = client.value
  const wait = deps.admit(workload)
  if (wait !== undefined) return refused({ reason: 'too_fast', retryAfter: wait })

  const hash = sha256Base64url(request.deferralCode)
  const holder = holderOf(workload, [])
  const polled = await deps.stores.deferrals.poll(workload.shard, hash, holder, deps.clock.nowMs())
  const no = async (refusal: ExchangeRefusal): Promise<Outcome> =>
    recordRefusal(deps, workload, await endedFirst(deps, workload, refusal))
  switch (polled.kind) {
    case 'unknown':
      return no({ reason: 'deferral_unknown' })
    case 'too_fast':
      return no({ reason: 'poll_too_fast' })
    case 'redeemed':
      return no({ reason: 'deferral_redeemed' })
    case 'cancelled':
      return no({ reason: 'deferral_cancelled' })
    case 'open': {
      const outcome = await answer(deps, workload, polled.deferral, deps.safe.open(polled.grant))
      return 'reason' in outcome ? no(outcome) : outcome
    }
  }
}

async function answer(
  deps: ExchangeDeps,
  workload: Workload,
  deferral: DeferralRecord,
  opened: OpenedGrant,
): Promise<Outcome | ExchangeRefusal> {
  switch (storedAsOf(opened, deps.clock.now()).status) {
    case 'pending':
      if (await runHasEnded(deps, workload)) return { reason: 'run_ended' }
      return deps.clock.now() < deferral.expiresAt ? { kind: 'pending' } : { reason: 'deferral_expired' }
    case 'active':
      return redeem(deps, workload, deferral)
    case 'expired':
      return { reason: 'deferral_expired' }
    case 'denied':
    case 'withdrawn':
    case 'revoked':
    case 'completed':
      return { reason: 'denied' }
  }
}

/** Everything is checked again: the configuration, the rules, the grant and the run may have changed while people were asked. */
async function redeem(
  deps: ExchangeDeps,
  workload: Workload,
  deferral: DeferralRecord,
): Promise<Outcome | ExchangeRefusal> {
  const request = decodeDeferredRequest(deferral.request)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const plan = await planRedemption(deps, workload, deferral, request)
    if ('reason' in plan) return plan
    const result = await issue(deps, plan)
    if ('recorded' in result) return result.recorded
    const refusal = issueRefusal(result)
    // Here the assertion authenticates the client, and nothing else.
    if (refusal?.reason === 'assertion_used') return { reason: 'client_refused', because: refusal }
    if (refusal !== undefined) return refusal
  }
  throw new Fault('contended', 'the run changed under every attempt to redeem a deferral code')
}

async function planRedemption(
  deps: ExchangeDeps,
  workload: Workload,
  deferral: DeferralRecord,
  request: DeferredRequest,
): Promise<Plan | ExchangeRefusal> {
  const task = request.task ?? ''
  const where = whereaboutsOf(workload, task)
  const found = await deps.stores.grants.find(where)
  if (found.runEnded) return { reason: 'run_ended' }
  const grants = deps.safe.openGenuine(found.grants).filter(({ record }) => record.id === deferral.grantId)
  const asked = narrow(deps, request, grants[0])
  if ('reason' in asked) return asked
  if (!decide(asked.guards, workload).permitted) return { reason: 'policy_denied' }
  const now = deps.clock.now()
  const choice = chooseGrant(grants, { workload, asked, type: 'jwt', tasks: found.tasks, now })
  if (choice.kind === 'task_ended') return { reason: 'task_ended' }
  if (choice.kind !== 'use') return { reason: 'grant_not_usable' }
  return {
    where,
    workload,
    asked,
    access: asked.access,
    grant: { use: choice.chosen },
    task:
      choice.task === undefined
        ? {
            open: {
              name: task,
              runVersion: found.runVersion,
              endsRun: request.task === undefined && hasRunIds(workload),
            },
          }
        : { renew: choice.task },
    claims: claimsOn([workload], deferral.grantId, task, []),
    lifetime: request.lifetime,
    requestedTokenType: request.requestedTokenType,
    deferral: deferral.hash,
    now,
  }
}

/** What was asked for, or what is left of it where the approval was narrowed: the only case in which less is given than asked. */
function narrow(
  deps: ExchangeDeps,
  { access }: DeferredRequest,
  opened: OpenedGrant | undefined,
): Asked | ExchangeRefusal {
  if (opened === undefined) return { reason: 'grant_not_usable' }
  const narrowed = intersect(access, opened.grant.terms.access)
  if (narrowed === undefined) return { reason: 'grant_not_usable' }
  const resolved = resolveAccess(
    deps.catalogue,
    [narrowed.audience],
    splitScope(narrowed.scope),
    narrowed.authorization_details,
  )
  if (!resolved.ok) return resolved.refusal
  return resolved.value.resource.credentials.includes('jwt') ? resolved.value : { reason: 'grant_not_usable' }
}
