import type { EncodedEvent, EventType } from '../evidence/event.js'
import { canonicalTerms, digestOf } from '../grants/digest.js'
import type { Grant } from '../grants/grant.js'
import { pendingForRun } from '../grants/grant-for-run.js'
import type { DeferralRecord } from '../grants/grant-store.js'
import { decideBy } from '../grants/lifecycle.js'
import { findEqual, submitGrant, type Submission } from '../grants/submit-grant.js'
import { holderByKeys, holderOf, joinKeyOf } from '../grants/whereabouts.js'
import { sha256Base64url } from '../runtime/digest.js'
import { Fault } from '../runtime/fault.js'
import type { GrantId } from '../runtime/ids.js'
import { claimsOn } from '../grants/assertion-claim.js'
import { keyNames } from '../workloads/possession.js'
import { encodeDeferredRequest } from './deferred-request.js'
import type { ExchangeDeps } from './dependencies.js'
import type { Exchanging } from './exchanging.js'
import type { Deferred, Outcome } from './outcome.js'
import type { ExchangeRefusal } from './refusal.js'
import { keysOfUse } from './required-binding.js'
import { certifiedKeyName } from './wanted.js'

const ATTEMPTS = 4
/** How many may wait for one pending grant: each code is a record that a poll looks up. */
const MOST_CODES = 100

/** Nothing covers the request: people are asked, if the client is willing to wait and can prove later that it is the one who asked. */
export async function defer(deps: ExchangeDeps, exchanging: Exchanging): Promise<Outcome | ExchangeRefusal> {
  const { request } = exchanging
  if (!request.deferred) return { reason: 'not_covered' }
  if (request.purpose === undefined) return { reason: 'purpose_missing' }
  // What the poll will be asked for must be something that it can prove again.
  const isBound = request.clientAssertion !== undefined || keyNames(exchanging.proof).length > 0
  if (!isBound) return { reason: 'deferral_unbound' }
  const code = deps.ids.deferralCode(exchanging.where.shard)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await ask(deps, exchanging, request.purpose, code)
    if (outcome !== 'again') return outcome
  }
  throw new Fault('contended', 'the pending grant changed under every attempt to join it')
}

async function ask(
  deps: ExchangeDeps,
  exchanging: Exchanging,
  purpose: string,
  code: string,
): Promise<Outcome | ExchangeRefusal | 'again'> {
  const grant = pendingGrant(deps, exchanging, purpose)
  const { id } = grant.terms
  const submission: Submission = {
    grant,
    index: { run: exchanging.where.run },
    anchorKey: exchanging.where.anchor,
    claims: usesOf(exchanging, id),
    deferral: deferralOf(deps, exchanging, id, decideBy(grant), code),
    events: [
      eventOf(deps, exchanging, 'grant.requested', id, {
        digest: digestOf(grant.terms),
        terms: canonicalTerms(grant.terms),
      }),
    ],
  }
  const answer = await submitGrant(deps, submission)
  switch (answer.kind) {
    case 'requested':
      return deferred(deps, grant, code)
    case 'equal_pending':
      return join(deps, exchanging, answer.grantId, code)
    case 'cooling_down':
      return { reason: 'cooling_down', until: answer.until }
    case 'claim_taken': {
      // `reuse: task`: the assertion may be bound to the very request that it repeats here.
      const equal = await findEqual(deps, { ...submission, claims: [] })
      return equal.kind === 'equal_pending' ? join(deps, exchanging, equal.grantId, code) : { reason: 'assertion_used' }
    }
    case 'run_ended':
      return { reason: 'run_ended' }
    case 'too_many_pending':
      return { reason: 'too_many_pending' }
  }
}

function pendingGrant(deps: ExchangeDeps, exchanging: Exchanging, purpose: string): Grant {
  const keys = keysOf(exchanging)
  const grant = pendingForRun({
    issuer: deps.issuer,
    id: deps.ids.grantId(exchanging.where.shard),
    workload: exchanging.workload,
    asked: exchanging.asked,
    task: exchanging.task,
    lifetime: exchanging.request.lifetime,
    purpose,
    now: deps.clock.now(),
  })
  // Requests of different keys do not join: the terms do not tell them apart.
  return keys.length === 0 ? grant : { ...grant, askedAs: joinKeyOf(grant.terms, keys) }
}

const usesOf = ({ proved, task, wanted, asked, proof }: Exchanging, id: GrantId): ReturnType<typeof claimsOn> =>
  claimsOn(proved, id, task, keysOfUse(wanted, asked.tier.binding, proof))

/** Those that were proved, and the one that a certificate is asked for. */
const keysOf = ({ proof, wanted }: Exchanging): readonly string[] => [
  ...keyNames(proof),
  ...(wanted.type === 'x509' ? [certifiedKeyName(wanted.request)] : []),
]

async function join(
  deps: ExchangeDeps,
  exchanging: Exchanging,
  id: GrantId,
  code: string,
): Promise<Outcome | ExchangeRefusal | 'again'> {
  const record = await deps.stores.grants.read(id)
  if (record?.status !== 'pending') return 'again'
  const { grant } = deps.safe.open(record)
  const joined = await deps.stores.deferrals.join(
    deferralOf(deps, exchanging, id, decideBy(grant), code),
    usesOf(exchanging, id),
    [eventOf(deps, exchanging, 'grant.joined', id, {})],
    MOST_CODES,
  )
  switch (joined) {
    case 'joined':
      return deferred(deps, grant, code)
    case 'closed':
      return 'again'
    case 'claim_taken':
      return { reason: 'assertion_used' }
    case 'full':
      return { reason: 'too_many_pending' }
  }
}

function deferralOf(
  deps: ExchangeDeps,
  exchanging: Exchanging,
  grantId: GrantId,
  expiresAt: number,
  code: string,
): DeferralRecord {
  const { asked, request, workload, proof } = exchanging
  const keys = keyNames(proof)
  const byKeysAlone = request.clientAssertion === undefined
  const place = {
    hash: sha256Base64url(code),
    grantId,
    holder: byKeysAlone ? holderByKeys(keys) : holderOf(workload, keys),
  }
  const deferred = {
    access: asked.access,
    task: request.task,
    lifetime: request.lifetime,
    requestedTokenType: request.requestedTokenType,
    csr: request.csr,
    ...(byKeysAlone ? { asker: workload } : {}),
  }
  return {
    ...place,
    request: encodeDeferredRequest(deferred, place, deps.deferralMac),
    expiresAt,
    interval: deps.limits.pollInterval,
  }
}

const eventOf = (
  deps: ExchangeDeps,
  { where, workload, asked }: Exchanging,
  type: EventType,
  grantId: GrantId,
  data: Readonly<Record<string, unknown>>,
): EncodedEvent =>
  deps.describe(
    where.shard,
    type,
    deps.clock.now(),
    { grantId, workload: workload.spiffeId, audience: asked.access.audience },
    { ...data, assertion: workload.assertion.key },
  )

const deferred = (deps: ExchangeDeps, grant: Grant, code: string): Deferred => ({
  kind: 'deferred',
  deferralCode: code,
  expiresIn: Math.max(1, decideBy(grant) - deps.clock.now()),
  interval: deps.limits.pollInterval,
  grantId: grant.terms.id,
})
