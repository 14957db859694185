import { isWithin } from '../grants/access.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { parseTaskDocument, type CredentialDocument } from '../grants/documents.js'
import type { CredentialStanding } from '../grants/issuance-store.js'
import { claimProof } from '../grants/proof-claim.js'
import { holderOf } from '../grants/whereabouts.js'
import { MAX_TICKET_TTL, type AccessTokenClaims } from '../issuance/jwt.js'
import type { ExchangeRequest, HandingOnRequest } from '../oauth/token-request.js'
import { resolveAccess, type Asked } from '../policy/resolve-access.js'
import { shardOf } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { authenticateClient } from '../workloads/authenticate-client.js'
import { keyNotProved } from '../workloads/client-refusal.js'
import { keyNames, provesConfirmation, type ProofOfPossession } from '../workloads/possession.js'
import type { Workload } from '../workloads/workload.js'
import { depthOf } from './act.js'
import type { ExchangeDeps } from './dependencies.js'
import { refused, type Outcome } from './outcome.js'
import { liveParent } from './parent.js'
import { recordRefusal } from './record-refusal.js'
import type { ExchangeRefusal } from './refusal.js'
import { hasEndedAt, runHasEnded } from './run-ended.js'

/** Who holds the parent: by its assertion, by the key that it is bound to, or both. */
interface Holder extends Pick<Workload, 'spiffeId' | 'shard'> {
  readonly workload?: Workload
  readonly proof: ProofOfPossession
}

/** A parent's request for a ticket: what it holds, who it is, and what the child may ask for. */
interface Handing {
  readonly parent: AccessTokenClaims
  readonly holder: Holder
  readonly standing: CredentialStanding
  readonly asked: Asked
  readonly actor: string
  /** Seconds; can only shorten. */
  readonly lifetime: number | undefined
}

/**
 * A parent exchanges its credential for a ticket (contract §1, "Handing on"). The credential alone is not enough: a
 * resource server that received it has it too. So the parent proves the key that it is bound to; and where it is bound
 * to none, with an assertion that it is who it was issued to.
 */
export async function makeTicket(
  deps: ExchangeDeps,
  request: HandingOnRequest,
  proof: ProofOfPossession,
): Promise<Outcome> {
  if (request.requestedTokenType !== 'ticket' || request.subjectTokenType !== 'access_token' || request.subjectIsClient)
    return refused({
      reason: 'token_misused',
      detail: 'a credential of this broker can be exchanged for a ticket only',
    })
  if (request.actorToken !== undefined) return refused({ reason: 'actor_token_unexpected' })
  const parent = await deps.tokens.verifyOwnToken(request.subjectToken, 'at+jwt', deps.clock.now())
  if (!parent.ok) return refused({ reason: 'subject_refused', because: parent.refusal })
  const holder = await identifyHolder(deps, request, parent.value, proof)
  if (!holder.ok) return refused(holder.refusal)
  const wait = deps.admit(holder.value.workload ?? holder.value)
  if (wait !== undefined) return refused({ reason: 'too_fast', retryAfter: wait })
  if ((await claimProof(deps.stores.issuance, proof, deps.clock.now())) === 'used')
    return recordRefusal(deps, evidenceOf(holder.value), { reason: 'proof_used' })

  const handing = await checkHanding(deps, request, parent.value, holder.value)
  if (!handing.ok) return recordRefusal(deps, evidenceOf(holder.value), handing.refusal)
  return spendAndSign(deps, handing.value)
}

async function identifyHolder(
  deps: ExchangeDeps,
  request: ExchangeRequest,
  parent: AccessTokenClaims,
  proof: ProofOfPossession,
): Promise<Result<Holder, ExchangeRefusal>> {
  if (parent.cnf !== undefined && !provesConfirmation(parent.cnf, proof)) return refuse(keyNotProved(parent.cnf))
  if (request.clientAssertion === undefined)
    return parent.cnf === undefined
      ? refuse({ reason: 'client_missing' })
      : ok({ spiffeId: parent.client_id, shard: shardOf(parent.jti), proof })
  const client = await authenticateClient(deps, request.clientAssertion, request.clientId)
  if (!client.ok) return client
  const { spiffeId, shard } = client.value
  return ok({ spiffeId, shard, workload: client.value, proof })
}

const evidenceOf = ({ workload, spiffeId, shard }: Holder): Parameters<typeof recordRefusal>[1] =>
  workload ?? { spiffeId, shard }

async function checkHanding(
  deps: ExchangeDeps,
  request: ExchangeRequest,
  parent: AccessTokenClaims,
  holder: Holder,
): Promise<Result<Handing, ExchangeRefusal>> {
  const { workload } = holder
  if (workload !== undefined && (await runHasEnded(deps, workload))) return refuse({ reason: 'run_ended' })
  const live = await liveParent(deps, { id: parent.jti, grantId: parent.grant_id, taskId: parent.task_id })
  if (!live.ok) return live
  const { standing, document, opened } = live.value
  const { where } = document
  if (workload === undefined && where !== undefined && (await hasEndedAt(deps.stores, where)))
    return refuse({ reason: 'run_ended' })
  if (workload !== undefined && !isIssuedTo(parent, document, workload))
    return refuse({ reason: 'client_refused', because: { reason: 'client_is_not_the_holder' } })
  if (request.grantId !== undefined && request.grantId !== parent.grant_id)
    return refuse({ reason: 'grant_not_usable' })
  const resolved = resolveAccess(deps.catalogue, request.targets, request.scope, request.authorizationDetails)
  if (!resolved.ok) return resolved
  const asked = resolved.value
  const wider = widerThan(asked, parent)
  if (wider !== undefined) return refuse(wider)
  const { delegation } = opened.grant.terms
  const actor = request.actor ?? ''
  const allowed = delegation.to.includes(actor) && depthOf(parent.act) < delegation.max_depth
  const { lifetime } = request
  return allowed
    ? ok({ parent, holder, standing, asked, actor, lifetime })
    : refuse({ reason: 'delegation_not_allowed' })
}

/** The very run of the workload that it was issued to. */
const isIssuedTo = (parent: AccessTokenClaims, { holder }: CredentialDocument, workload: Workload): boolean =>
  parent.client_id === workload.spiffeId && holder === holderOf(workload, [])

/** Issued ⊆ parent (invariant 4). */
function widerThan({ access }: Asked, parent: AccessTokenClaims): ExchangeRefusal | undefined {
  const held = {
    audience: parent.aud,
    scope: parent.scope ?? '',
    authorization_details: parent.authorization_details ?? [],
  }
  if (isWithin(access, [held])) return undefined
  if (access.audience !== held.audience) return { reason: 'target_unknown' }
  return isWithin({ ...access, authorization_details: [] }, [held])
    ? { reason: 'details_wider' }
    : { reason: 'scope_wider' }
}

async function spendAndSign(deps: ExchangeDeps, handing: Handing): Promise<Outcome> {
  const { parent, holder, standing, asked, actor, lifetime } = handing
  const { workload, proof } = holder
  const now = deps.clock.now()
  const { task } = parseTaskDocument(standing.task.document)
  const spent = workload === undefined ? [] : [workload]
  for (const claim of claimsOn(spent, parent.grant_id, task, keyNames(proof)))
    if ((await deps.stores.issuance.claim(holder.shard, claim, now)) === 'taken')
      return recordRefusal(deps, evidenceOf(holder), {
        reason: 'client_refused',
        because: { reason: 'assertion_used' },
      })
  const expiresAt = Math.min(now + Math.min(lifetime ?? MAX_TICKET_TTL, MAX_TICKET_TTL), parent.exp)
  const shard = shardOf(parent.jti)
  const jti = deps.ids.ticketId(shard)
  const { audience, scope, authorization_details } = asked.access
  const subject = {
    grantId: parent.grant_id,
    taskId: parent.task_id,
    parentId: parent.jti,
    workload: holder.spiffeId,
    audience,
  }
  await deps.stores.evidence.append([
    deps.describe(shard, 'ticket.issued', now, subject, {
      ticket: jti,
      actor,
      scope,
      authorization_details,
      expires_at: expiresAt,
    }),
  ])
  return {
    kind: 'ticketed',
    ticket: deps.tokens.signTicket({
      iss: deps.issuer,
      sub: parent.sub,
      aud: deps.issuer,
      iat: now,
      nbf: now,
      exp: expiresAt,
      jti,
      may_act: { sub: actor },
      parent_id: parent.jti,
      parent_exp: parent.exp,
      grant_id: parent.grant_id,
      task_id: parent.task_id,
      target: audience,
      ...(scope === '' ? {} : { scope }),
      ...(authorization_details.length === 0 ? {} : { authorization_details }),
      act: parent.act ?? { sub: parent.client_id },
    }),
    expiresIn: expiresAt - now,
    scope,
    authorizationDetails: authorization_details,
    grantId: parent.grant_id,
    taskId: parent.task_id,
  }
}
