import { intersect } from '../grants/access.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { chooseGrant, type OpenedGrant } from '../grants/choose.js'
import type { Polled } from '../grants/deferral-store.js'
import type { CredentialType } from '../grants/grant.js'
import type { DeferralRecord } from '../grants/grant-store.js'
import { storedAsOf } from '../grants/lifecycle.js'
import { claimProof } from '../grants/proof-claim.js'
import { holderByKeys, holderOf, hasRunIds, whereaboutsOf } from '../grants/whereabouts.js'
import { splitScope } from '../oauth/scope.js'
import type { PollRequest } from '../oauth/token-request.js'
import { decide } from '../policy/decide.js'
import { resolveAccess, type Asked } from '../policy/resolve-access.js'
import { sha256Base64url } from '../runtime/digest.js'
import { Fault } from '../runtime/fault.js'
import { shardOfDeferralCode, type Shard } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { authenticateClient } from '../workloads/authenticate-client.js'
import { keyNames, type ProofOfPossession } from '../workloads/possession.js'
import type { Workload } from '../workloads/workload.js'
import { ATTEMPTS } from './attempts.js'
import { decodeDeferredRequest, type DeferredRequest } from './deferred-request.js'
import type { ExchangeDeps } from './dependencies.js'
import { issue, type Plan } from './issue.js'
import { issueRefusal } from './issue-refusal.js'
import { refused, type Outcome } from './outcome.js'
import { recordRefusal } from './record-refusal.js'
import type { ExchangeRefusal } from './refusal.js'
import { confirmationFor, keysOfUse, requireBinding } from './required-binding.js'
import { endedFirst, runHasEnded } from './run-ended.js'
import { wantedOf } from './wanted.js'

/**
 * Who polls: the run that asked, by its assertion and its keys; or, where
 * the first request had no assertion, whoever has the keys.
 */
interface Poller {
  readonly shard: Shard
  readonly holder: string
  readonly workload: Workload | undefined
}

/**
 * Whoever made the deferred request asks whether it has been decided (Deferred Token Response, "Polling"), with each
 * proof that the first request had. The assertion is spent by success alone.
 */
export async function poll(deps: ExchangeDeps, request: PollRequest, proof: ProofOfPossession): Promise<Outcome> {
  const poller = await identify(deps, request, proof)
  if (!poller.ok) return refused(poller.refusal)
  const { shard, holder, workload } = poller.value
  const polled = await deps.stores.deferrals.poll(
    shard,
    sha256Base64url(request.deferralCode),
    holder,
    deps.clock.nowMs(),
  )
  if (polled.kind === 'open') return answerOpen(deps, polled, workload, proof)
  const refusal: ExchangeRefusal = { reason: REASONS[polled.kind] }
  // Nobody is known who could have been refused: a stranger leaves no evidence.
  return workload === undefined ? refused(refusal) : refuseKnown(deps, workload, refusal)
}

const REASONS = {
  unknown: 'deferral_unknown',
  too_fast: 'poll_too_fast',
  redeemed: 'deferral_redeemed',
  cancelled: 'deferral_cancelled',
} as const

async function identify(
  deps: ExchangeDeps,
  { deferralCode, clientAssertion, clientId }: PollRequest,
  proof: ProofOfPossession,
): Promise<Result<Poller, ExchangeRefusal>> {
  const keys = keyNames(proof)
  if (clientAssertion === undefined)
    return keys.length === 0
      ? refuse({ reason: 'client_missing' })
      : ok({ shard: shardOfDeferralCode(deferralCode), holder: holderByKeys(keys), workload: undefined })
  const client = await authenticateClient(deps, clientAssertion, clientId)
  if (!client.ok) return client
  const workload = client.value
  const refusal = await admit(deps, workload, proof)
  return refusal === undefined
    ? ok({ shard: workload.shard, holder: holderOf(workload, keys), workload })
    : refuse(refusal)
}

/** It is known who asks: not too often, and each proof once. */
async function admit(
  { admit: waitFor, stores, clock }: ExchangeDeps,
  workload: Workload,
  proof: ProofOfPossession,
): Promise<ExchangeRefusal | undefined> {
  const wait = waitFor(workload)
  if (wait !== undefined) return { reason: 'too_fast', retryAfter: wait }
  return (await claimProof(stores.issuance, proof, clock.now())) === 'used' ? { reason: 'proof_used' } : undefined
}

async function answerOpen(
  deps: ExchangeDeps,
  { deferral, grant }: Extract<Polled, { kind: 'open' }>,
  client: Workload | undefined,
  proof: ProofOfPossession,
): Promise<Outcome> {
  const request = decodeDeferredRequest(deferral, deps.deferralMac)
  const workload = client ?? request.asker
  if (workload === undefined) return refused({ reason: 'deferral_unknown' })
  if (client === undefined) {
    const refusal = await admit(deps, workload, proof)
    if (refusal !== undefined) return refuseKnown(deps, workload, refusal)
    if (!deps.isStillTrusted(workload)) return refuseKnown(deps, workload, { reason: 'grant_not_usable' })
  }
  const redeeming = { workload, proof, deferral, request, spends: client === undefined ? [] : [client] }
  const outcome = await answer(deps, redeeming, deps.safe.open(grant))
  return 'reason' in outcome ? refuseKnown(deps, workload, outcome) : outcome
}

const refuseKnown = async (deps: ExchangeDeps, workload: Workload, refusal: ExchangeRefusal): Promise<Outcome> =>
  recordRefusal(deps, workload, await endedFirst(deps, workload, refusal))

interface Redeeming {
  readonly workload: Workload
  readonly proof: ProofOfPossession
  readonly deferral: DeferralRecord
  readonly request: DeferredRequest
  /** The assertion of the poll, where it has one: that of the first request is spent already. */
  readonly spends: readonly Workload[]
}

async function answer(
  deps: ExchangeDeps,
  redeeming: Redeeming,
  opened: OpenedGrant,
): Promise<Outcome | ExchangeRefusal> {
  const { workload, deferral } = redeeming
  switch (storedAsOf(opened, deps.clock.now()).status) {
    case 'pending':
      if (await runHasEnded(deps, workload)) return { reason: 'run_ended' }
      return deps.clock.now() < deferral.expiresAt ? { kind: 'pending' } : { reason: 'deferral_expired' }
    case 'active':
      return redeem(deps, redeeming)
    case 'expired':
      return { reason: 'deferral_expired' }
    case 'denied':
    case 'withdrawn':
    case 'revoked':
    case 'completed':
      return { reason: 'denied' }
  }
}

/**
 * Everything is checked again: the configuration, the rules, the grant
 * and the run may have changed while people were asked.
 */
async function redeem(deps: ExchangeDeps, redeeming: Redeeming): Promise<Outcome | ExchangeRefusal> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const plan = await planRedemption(deps, redeeming)
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
  { workload, proof, deferral, request, spends }: Redeeming,
): Promise<Plan | ExchangeRefusal> {
  const task = request.task ?? ''
  const where = whereaboutsOf(workload, task)
  const found = await deps.stores.grants.find(where)
  if (found.runEnded) return { reason: 'run_ended' }
  const wanted = wantedOf(request)
  if (!wanted.ok) return wanted.refusal
  const { type } = wanted.value
  const grants = deps.safe.openGenuine(found.grants).filter(({ record }) => record.id === deferral.grantId)
  const asked = narrow(deps, request, type, grants[0])
  if ('reason' in asked) return asked
  if (!decide(asked.guards, workload).permitted) return { reason: 'policy_denied' }
  const now = deps.clock.now()
  const choice = chooseGrant(grants, { workload, asked, type, tasks: found.tasks, now })
  if (choice.kind === 'task_ended') return { reason: 'task_ended' }
  if (choice.kind !== 'use') return { reason: 'grant_not_usable' }
  const binding = requireBinding(asked, choice.chosen.grant, type, proof)
  if (!binding.ok) return binding.refusal
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
    claims: claimsOn(spends, deferral.grantId, task, keysOfUse(wanted.value, binding.value, proof)),
    wanted: wanted.value,
    boundTo: confirmationFor(wanted.value, binding.value, proof),
    lifetime: request.lifetime,
    deferral: deferral.hash,
    now,
  }
}

/**
 * What was asked for, or what is left of it where the approval was
 * narrowed: the only case in which less is given than asked.
 */
function narrow(
  deps: ExchangeDeps,
  { access }: DeferredRequest,
  type: CredentialType,
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
  return resolved.value.resource.credentials.includes(type) ? resolved.value : { reason: 'grant_not_usable' }
}
