import { isWithin } from '../grants/access.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { gives } from '../grants/choose.js'
import { parseTaskDocument } from '../grants/documents.js'
import type { Access } from '../grants/grant.js'
import { joinBindings } from '../grants/join-tiers.js'
import { claimProof } from '../grants/proof-claim.js'
import { meets } from '../grants/review.js'
import { ticketClaim } from '../grants/ticket-claim.js'
import type { TicketClaims } from '../issuance/jwt.js'
import type { ExchangeRequest, HandingOnRequest } from '../oauth/token-request.js'
import { normalizeTarget, resolveAccess, type Asked } from '../policy/resolve-access.js'
import { Fault } from '../runtime/fault.js'
import { shardOf } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { ProofOfPossession } from '../workloads/possession.js'
import type { Workload } from '../workloads/workload.js'
import { depthOf } from './act.js'
import { ATTEMPTS } from './attempts.js'
import type { ExchangeDeps } from './dependencies.js'
import { issue, type Plan } from './issue.js'
import { issueRefusal } from './issue-refusal.js'
import { refused, type Issued, type Outcome } from './outcome.js'
import { liveParent, type Parent } from './parent.js'
import { recordRefusal } from './record-refusal.js'
import type { ExchangeRefusal } from './refusal.js'
import { confirmationFor, keysOfUse, requireBinding } from './required-binding.js'
import { runHasEnded } from './run-ended.js'
import { wantedOf, type Wanted } from './wanted.js'

/**
 * A child redeems a ticket with its own assertion, and gets a credential that
 * is narrower than its parent's (contract §1, "Handing on").
 */
export async function redeemTicket(
  deps: ExchangeDeps,
  request: HandingOnRequest,
  proof: ProofOfPossession,
): Promise<Outcome> {
  const misuse = misuseOf(request)
  if (misuse !== undefined) return refused(misuse)
  const ticket = await deps.tokens.verifyOwnToken(request.subjectToken, 'errand-ticket+jwt', deps.clock.now())
  if (!ticket.ok) return refused({ reason: 'subject_refused', because: ticket.refusal })
  const verified = await deps.verifyWorkload(request.actorToken ?? '')
  if (!verified.ok) return refused({ reason: 'actor_refused', because: verified.refusal })
  const child = verified.value
  const wait = deps.admit(child)
  if (wait !== undefined) return refused({ reason: 'too_fast', retryAfter: wait })

  if ((await claimProof(deps.stores.issuance, proof, deps.clock.now())) === 'used')
    return recordRefusal(deps, child, { reason: 'proof_used' })
  if (await runHasEnded(deps, child)) return recordRefusal(deps, child, { reason: 'run_ended' })
  const asked = askedWithin(deps, request, ticket.value, child)
  if (!asked.ok) return recordRefusal(deps, child, asked.refusal)
  const wanted = wantedOf(request)
  if (!wanted.ok) return recordRefusal(deps, child, wanted.refusal)
  const redeemer = { child, proof, wanted: wanted.value, lifetime: request.lifetime }
  const outcome = await settle(deps, ticket.value, redeemer, asked.value)
  return 'reason' in outcome ? recordRefusal(deps, child, outcome, { audience: ticket.value.target }) : outcome
}

function misuseOf(request: ExchangeRequest): ExchangeRefusal | undefined {
  if (request.subjectTokenType !== 'ticket' || request.subjectIsClient)
    return { reason: 'token_misused', detail: 'a ticket is sent as a subject_token of its own type' }
  if (request.requestedTokenType === 'ticket')
    return { reason: 'token_misused', detail: 'a ticket is made from a credential, not from a ticket' }
  if (request.actorToken === undefined)
    return {
      reason: 'token_misused',
      detail: 'send an actor_token: the assertion of the workload that redeems the ticket',
    }
  if (request.clientAssertion !== undefined && request.clientAssertion !== request.actorToken)
    return { reason: 'token_misused', detail: 'the actor_token is what authenticates whoever redeems a ticket' }
  return undefined
}

/** The ticket names who may redeem it and what for; the child may ask for less. */
function askedWithin(
  deps: ExchangeDeps,
  request: ExchangeRequest,
  ticket: TicketClaims,
  child: Workload,
): Result<Asked, ExchangeRefusal> {
  if (child.spiffeId !== ticket.may_act.sub)
    return refuse({ reason: 'actor_refused', because: { reason: 'not_the_actor_of_the_ticket' } })
  if (request.grantId !== undefined && request.grantId !== ticket.grant_id)
    return refuse({ reason: 'grant_not_usable' })
  const offered: Access = {
    audience: ticket.target,
    scope: ticket.scope ?? '',
    authorization_details: ticket.authorization_details ?? [],
  }
  const resolved = resolveAccess(deps.catalogue, request.targets, request.scope, request.authorizationDetails)
  if (!resolved.ok) return resolved
  const { access } = resolved.value
  if (normalizeTarget(access.audience) !== normalizeTarget(offered.audience))
    return refuse({ reason: 'target_unknown' })
  if (isWithin(access, [offered])) return resolved
  return refuse({
    reason: isWithin({ ...access, authorization_details: [] }, [offered]) ? 'details_wider' : 'scope_wider',
  })
}

/** The child, the keys that it has proved, and what it wants. */
interface Redeemer {
  readonly child: Workload
  readonly proof: ProofOfPossession
  readonly wanted: Wanted
  readonly lifetime: number | undefined
}

async function settle(
  deps: ExchangeDeps,
  ticket: TicketClaims,
  who: Redeemer,
  asked: Asked,
): Promise<Outcome | ExchangeRefusal> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { parent_id: id, grant_id: grantId, task_id: taskId } = ticket
    const live = await liveParent(deps, { id, grantId, taskId })
    if (!live.ok) return live.refusal
    const plan = planUnder(deps, ticket, who, asked, live.value)
    if (!plan.ok) return plan.refusal
    // The child's assertion may belong to another shard than the grant, so it is used up before: fail closed.
    if (attempt === 0 && !(await spend(deps, who, asked, live.value))) return { reason: 'assertion_used' }
    const result = await issue(deps, plan.value)
    if ('recorded' in result) return unlessEnded(deps, who.child, result.recorded)
    const refusal = issueRefusal(result)
    if (refusal !== undefined) return refusal
  }
  throw new Fault('contended', 'the grant changed under every attempt to redeem a ticket')
}

/**
 * The child's run is in a shard of its own, which the step that recorded could not see:
 * looked at again after it, no end that came before is missed.
 */
async function unlessEnded(deps: ExchangeDeps, child: Workload, issued: Issued): Promise<Outcome | ExchangeRefusal> {
  if (!(await runHasEnded(deps, child))) return issued
  deps.delivery.unsent(issued.credentialId)
  return { reason: 'run_ended' }
}

async function spend(
  deps: ExchangeDeps,
  { child, proof, wanted }: Redeemer,
  asked: Asked,
  { standing, opened }: Parent,
): Promise<boolean> {
  const { task } = parseTaskDocument(standing.task.document)
  const binding = joinBindings(asked.tier.binding, opened.grant.terms.credential.binding)
  for (const claim of claimsOn([child], opened.record.id, task, keysOfUse(wanted, binding, proof)))
    if ((await deps.stores.issuance.claim(child.shard, claim, deps.clock.now())) === 'taken') return false
  return true
}

function planUnder(
  deps: ExchangeDeps,
  ticket: TicketClaims,
  { child, proof, wanted, lifetime }: Redeemer,
  asked: Asked,
  { standing, opened }: Parent,
): Result<Plan, ExchangeRefusal> {
  const { grant } = opened
  const { delegation, access, required_reviews } = grant.terms
  // The grant is what people approved: a ticket cannot say more than it.
  const allowed = delegation.to.includes(child.spiffeId) && depthOf(ticket.act) < delegation.max_depth
  if (!allowed) return refuse({ reason: 'delegation_not_allowed' })
  if (!isWithin(asked.access, access)) return refuse({ reason: 'scope_wider' })
  // As at each exchange: what the tier asks for today must have been given too.
  const reviewed = meets(grant.reviews, required_reviews) && meets(grant.reviews, asked.tier.requiredReviews)
  const { type } = wanted
  if (!reviewed || !asked.resource.credentials.includes(type)) return refuse({ reason: 'grant_not_usable' })
  if (!gives(grant, { type, asked })) return refuse({ reason: 'type_not_granted' })
  const binding = requireBinding(asked, grant, type, proof)
  if (!binding.ok) return binding
  const { task, credential } = standing
  return ok({
    where: { shard: shardOf(opened.record.id), anchor: '', run: task.run, errand: task.errand },
    workload: child,
    asked,
    access: asked.access,
    grant: { use: opened },
    task: { renew: task.id },
    claims: [],
    // Its own key, never its parent's: neither side holds the other's secret.
    boundTo: confirmationFor(wanted, binding.value, proof),
    wanted,
    lifetime,
    handedOn: {
      sub: ticket.sub,
      parentId: credential.id,
      ancestors: [...credential.ancestors, credential.id],
      parentExpiresAt: Math.min(credential.expiresAt, ticket.parent_exp),
      act: { sub: child.spiffeId, act: ticket.act },
      ticket: ticketClaim(ticket),
      holder: ticket.act.sub,
      maxChildren: delegation.max_children,
    },
    now: deps.clock.now(),
  })
}
