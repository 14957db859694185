import { isWithin } from '../grants/access.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { chooseGrant, gives, isFor, type ChoiceFacts, type OpenedGrant } from '../grants/choose.js'
import { activeByRule } from '../grants/grant-for-run.js'
import type { Found } from '../grants/grant-store.js'
import { isActive } from '../grants/lifecycle.js'
import { claimProof } from '../grants/proof-claim.js'
import { hasRunIds, whereaboutsOf } from '../grants/whereabouts.js'
import type { ExchangeRequest } from '../oauth/token-request.js'
import { decide, isForRules } from '../policy/decide.js'
import { resolveAccess } from '../policy/resolve-access.js'
import { Fault } from '../runtime/fault.js'
import { parseGrantId } from '../runtime/ids.js'
import { refuse, type Result } from '../runtime/result.js'
import { meetsBinding, type ProofOfPossession } from '../workloads/possession.js'
import type { Workload } from '../workloads/workload.js'
import { ATTEMPTS } from './attempts.js'
import { authenticateBeside } from './authenticate-beside.js'
import { defer } from './defer.js'
import type { ExchangeDeps } from './dependencies.js'
import type { Exchanging } from './exchanging.js'
import { issue, type IssueResult, type OpenTask, type Plan } from './issue.js'
import { issueRefusal } from './issue-refusal.js'
import { refused, type Outcome } from './outcome.js'
import { recordRefusal } from './record-refusal.js'
import type { ExchangeRefusal } from './refusal.js'
import { confirmationFor, keysOfUse, requireBinding } from './required-binding.js'
import { endedFirst } from './run-ended.js'
import { wantedOf } from './wanted.js'

/**
 * How many grants one run may have in force before rules make no more:
 * each of them is looked at in each exchange of the run.
 */
export const MOST_ERRANDS = 200

/** A workload presents its assertion, and gets a credential, a deferral code, or a refusal. */
export async function exchangeAssertion(
  deps: ExchangeDeps,
  request: ExchangeRequest,
  proof: ProofOfPossession,
): Promise<Outcome> {
  const verified = await verifySubject(deps, request, proof)
  if (!verified.ok) return refused(verified.refusal)
  const workload = verified.value
  const wait = deps.admit(workload)
  if (wait !== undefined) return refused({ reason: 'too_fast', retryAfter: wait })
  const no = async (refusal: ExchangeRefusal, audience?: string): Promise<Outcome> =>
    recordRefusal(deps, workload, await endedFirst(deps, workload, refusal), audience === undefined ? {} : { audience })

  // Before anything of the assertion is spent (contract §1, "nonce needed").
  if ((await claimProof(deps.stores.issuance, proof, deps.clock.now())) === 'used') return no({ reason: 'proof_used' })
  const misuse = misuseOf(request)
  if (misuse !== undefined) return no(misuse)
  const proved = await authenticateBeside(deps, workload, request)
  if (!proved.ok) return no(proved.refusal)
  const resolved = resolveAccess(deps.catalogue, request.targets, request.scope, request.authorizationDetails)
  if (!resolved.ok) return no(resolved.refusal)
  const asked = resolved.value
  const { audience } = asked.access
  const wanted = wantedOf(request)
  if (!wanted.ok) return no(wanted.refusal, audience)
  const { type } = wanted.value
  if (!asked.resource.credentials.includes(type)) return no({ reason: 'type_not_issued', type }, audience)
  if (request.task === undefined && !hasRunIds(workload)) return no({ reason: 'task_missing' }, audience)
  const { binding } = asked.tier
  if (!meetsBinding(binding, type, proof)) return no({ reason: 'binding_missing', binding }, audience)
  const decision = decide(asked.guards, workload)
  if (!decision.permitted) return no({ reason: 'policy_denied' }, audience)
  const task = request.task ?? ''
  const where = whereaboutsOf(workload, task)
  const exchanging = {
    request,
    workload,
    proved: proved.value,
    proof,
    asked,
    wanted: wanted.value,
    where,
    task,
    rules: decision.rules,
  }
  const outcome = await settle(deps, exchanging)
  return 'reason' in outcome ? recordRefusal(deps, workload, outcome, { audience }) : outcome
}

/**
 * Who asks: by the assertion, or where there is none, by the certificate of the connection (contract §1, `grant_type`).
 */
async function verifySubject(
  deps: ExchangeDeps,
  { subjectToken, subjectIsClient }: ExchangeRequest,
  { certificate }: ProofOfPossession,
): Promise<Result<Workload, ExchangeRefusal>> {
  const verifying =
    subjectToken === undefined ? certificate && deps.verifySvid(certificate.shown) : deps.verifyWorkload(subjectToken)
  const verified = await verifying
  if (verified === undefined) return refuse({ reason: 'client_missing' })
  if (verified.ok) return verified
  return refuse({ reason: subjectIsClient ? 'client_refused' : 'subject_refused', because: verified.refusal })
}

/** An assertion gets credentials, and nothing that hands on. */
function misuseOf(request: ExchangeRequest): ExchangeRefusal | undefined {
  if (request.actorToken !== undefined) return { reason: 'actor_token_unexpected' }
  if (request.subjectTokenType === 'ticket' || request.subjectTokenType === 'access_token')
    return { reason: 'token_misused', detail: 'the subject_token is not what its subject_token_type says' }
  if (request.requestedTokenType === 'ticket')
    return { reason: 'token_misused', detail: 'a ticket is made from a credential of this broker only' }
  return undefined
}

/** Looks, decides and records, again when something changed in between. */
async function settle(deps: ExchangeDeps, exchanging: Exchanging): Promise<Outcome | ExchangeRefusal> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await deps.stores.grants.find(exchanging.where)
    // Checked before anything else: once a run has ended, all that it hears is that.
    if (found.runEnded) return { reason: 'run_ended' }
    const decided = decideOn(deps, exchanging, found)
    if (decided.kind === 'refuse') return decided.refusal
    if (decided.kind === 'defer') return defer(deps, exchanging)
    const result = await issue(deps, decided.plan)
    if ('recorded' in result) return result.recorded
    if (attempt === 0 && mayBeItsOwn(result, decided.plan, exchanging)) continue
    const refusal = issueRefusal(result)
    if (refusal !== undefined) return refusal
  }
  throw new Fault('contended', 'the run changed under every attempt to issue a credential')
}

/** `reuse: task`: a request beside this one may just have bound the assertion to the grant that this one would make. */
const mayBeItsOwn = (result: IssueResult, plan: Plan, { proved }: Exchanging): boolean =>
  'refused' in result &&
  result.refused === 'claim_taken' &&
  'create' in plan.grant &&
  proved.some(({ assertion }) => assertion.reuse === 'task')

type Decided =
  | { readonly kind: 'issue'; readonly plan: Plan }
  | { readonly kind: 'defer' }
  | { readonly kind: 'refuse'; readonly refusal: ExchangeRefusal }

function decideOn(deps: ExchangeDeps, exchanging: Exchanging, found: Found): Decided {
  const { request, workload, asked, wanted } = exchanging
  const facts: ChoiceFacts = { workload, asked, type: wanted.type, tasks: found.tasks, now: deps.clock.now() }
  const opened = deps.safe.openGenuine(found.grants)
  const named = request.grantId
  const grants = named === undefined ? opened : opened.filter(({ record }) => record.id === named)
  const choice = chooseGrant(grants, facts)
  const no = (refusal: ExchangeRefusal): Decided => ({ kind: 'refuse', refusal })
  switch (choice.kind) {
    case 'use':
      return planned(exchanging, { use: choice.chosen }, choice.task, found, facts.now)
    case 'several':
      return no({ reason: 'grants_several', ids: choice.ids })
    case 'task_ended':
      return no({ reason: 'task_ended' })
    case 'none':
      if (named !== undefined) return no(refusalOfNamed(named, grants, facts))
      if (!isForRules(asked.guards)) return { kind: 'defer' }
      // A rule's grant serves one errand. When somebody ended it, or the errand itself, the rule does not begin anew.
      if (!found.tasks.every((task) => isUnderWay(task, opened, facts.now))) return no({ reason: 'task_ended' })
      if (found.grants.filter(({ index }) => 'run' in index).length >= MOST_ERRANDS)
        return no({ reason: 'too_many_errands' })
      return planByRule(deps, exchanging, found, facts.now)
  }
}

const isUnderWay = (task: Found['tasks'][number], grants: readonly OpenedGrant[], now: number): boolean =>
  task.open && grants.some(({ record, grant }) => record.id === task.grantId && isActive(grant, now))

/** The rules permit it: a grant for this one run. */
function planByRule(deps: ExchangeDeps, exchanging: Exchanging, found: Found, now: number): Decided {
  const { workload, asked, request, task, rules, where } = exchanging
  const grant = activeByRule(
    {
      issuer: deps.issuer,
      id: deps.ids.grantId(where.shard),
      workload,
      asked,
      task,
      // A rule's grant serves the whole run: what this one call shortens is its own credential.
      lifetime: undefined,
      purpose: request.purpose ?? '',
      now,
    },
    rules,
  )
  const record = deps.safe.close(grant, 1, { run: where.run })
  return planned(exchanging, { create: { record, grant }, rules }, undefined, found, now)
}

function planned(
  exchanging: Exchanging,
  grant: Plan['grant'],
  renew: Issued['task'],
  found: Found,
  now: number,
): Decided {
  const { request, workload, proved, proof, asked, wanted, where, task } = exchanging
  const opened = 'use' in grant ? grant.use : grant.create
  const binding = requireBinding(asked, opened.grant, wanted.type, proof)
  if (!binding.ok) return { kind: 'refuse', refusal: binding.refusal }
  const open: OpenTask = {
    name: task,
    runVersion: found.runVersion,
    endsRun: request.task === undefined && hasRunIds(workload),
  }
  const plan: Plan = {
    where,
    workload,
    asked,
    access: asked.access,
    grant,
    task: renew === undefined ? { open } : { renew },
    claims: claimsOn(proved, opened.record.id, task, keysOfUse(wanted, binding.value, proof)),
    wanted,
    boundTo: confirmationFor(wanted, binding.value, proof),
    lifetime: request.lifetime,
    now,
  }
  return { kind: 'issue', plan }
}

interface Issued {
  readonly task: Extract<ReturnType<typeof chooseGrant>, { kind: 'use' }>['task']
}

/**
 * A grant was named, and does not serve: either it is not this workload's to use now, or more is asked than it gives.
 */
function refusalOfNamed(named: string, grants: readonly OpenedGrant[], facts: ChoiceFacts): ExchangeRefusal {
  const grant = parseGrantId(named) === undefined ? undefined : grants[0]?.grant
  if (grant === undefined || !isFor(grant, facts)) return { reason: 'grant_not_usable' }
  const { access } = facts.asked
  if (isWithin(access, grant.terms.access))
    return { reason: gives(grant, facts) ? 'grant_not_usable' : 'type_not_granted' }
  return isWithin({ ...access, authorization_details: [] }, grant.terms.access)
    ? { reason: 'details_wider' }
    : { reason: 'scope_wider' }
}
