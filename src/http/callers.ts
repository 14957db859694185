import type { IssuanceStore } from '../grants/issuance-store.js'
import { claimProof } from '../grants/proof-claim.js'
import type { AccessTokenClaims, Tokens } from '../issuance/jwt.js'
import type { Person, Role } from '../people/person.js'
import type { PersonRequirement } from '../people/source.js'
import type { VerifyPerson } from '../people/verify-person.js'
import type { Clock } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { isAssertionOutage } from '../workloads/assertion-refusal.js'
import { DPOP_ALGORITHMS } from '../workloads/dpop.js'
import { provesConfirmation, type ProofOfPossession } from '../workloads/possession.js'
import type { VerifyPossession } from '../workloads/verify-possession.js'
import type { VerifySvid } from '../workloads/verify-svid.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'
import type { RateLimited, Workload } from '../workloads/workload.js'
import type { HttpAnswer, RequestContext } from './answer.js'
import { problemAnswer, refusalAnswer } from './errors.js'

/**
 * Who calls the JSON API (contract §1, "Who may call what"). A token is told by what it is: ours, a workload's, or a
 * person's; the three never overlap. What each may do is asked at the endpoint.
 */
export type Caller =
  | { readonly kind: 'workload'; readonly workload: Workload; readonly proof: ProofOfPossession }
  | { readonly kind: 'person'; readonly person: Person }
  /**
   * `isProved`: the credential is bound to a key, and came with a proof of it. Without a binding anybody could hold it.
   */
  | { readonly kind: 'holder'; readonly credential: AccessTokenClaims; readonly isProved: boolean }

export interface CallerDeps {
  readonly clock: Clock
  readonly tokens: Pick<Tokens, 'typOf' | 'verifyOwnToken'>
  readonly verifyWorkload: VerifyWorkload
  readonly verifySvid: VerifySvid
  readonly verifyPerson: VerifyPerson
  readonly verifyPossession: VerifyPossession
  /** Where DPoP proofs are used up. */
  readonly proofs: Pick<IssuanceStore, 'claim'>
  /** Seconds to wait when this workload comes too fast; `undefined` lets it in. Shared with the exchange. */
  readonly admit: (caller: RateLimited) => number | undefined
}

/** `requirement`: how fresh and strong a person's sign-in must be for this act. */
export async function identify(
  deps: CallerDeps,
  context: RequestContext,
  requirement?: PersonRequirement,
): Promise<Result<Caller, HttpAnswer>> {
  const presented = presentedToken(context.authorization)
  if (presented === undefined) return identifyByCertificate(deps, context)
  const { token } = presented
  if (deps.tokens.typOf(token) !== undefined) return identifyHolder(deps, context, presented)
  // Only credentials of ours are bound to a DPoP key.
  if (presented.scheme === 'DPoP') return refuse(dpopUnauthorized('invalid_token', 'token_not_bound'))
  const workload = await deps.verifyWorkload(token)
  if (workload.ok) return admitWorkload(deps, context, workload.value)
  if (isAssertionOutage(workload.refusal)) throw issuerUnavailable()
  const person = await deps.verifyPerson(token, requirement, { loopback: context.loopback })
  if (person.ok) return ok({ kind: 'person', person: person.value })
  switch (person.refusal.reason) {
    case 'person_issuer_unavailable':
      throw issuerUnavailable()
    case 'person_too_weak':
      return refuse(stepUp(person.refusal.requirement))
    case 'person_token_invalid':
      return refuse(unauthorized(workload.refusal.reason))
  }
}

/** Without a token, a workload may prove itself by the X.509-SVID of its connection. */
async function identifyByCertificate(deps: CallerDeps, context: RequestContext): Promise<Result<Caller, HttpAnswer>> {
  if (context.clientCertificate === undefined) return refuse(unauthorized(undefined))
  const workload = await deps.verifySvid(context.clientCertificate)
  if (workload.ok) return admitWorkload(deps, context, workload.value)
  if (isAssertionOutage(workload.refusal)) throw issuerUnavailable()
  return refuse(unauthorized(undefined))
}

async function admitWorkload(
  deps: CallerDeps,
  context: RequestContext,
  workload: Workload,
): Promise<Result<Caller, HttpAnswer>> {
  const wait = deps.admit(workload)
  if (wait !== undefined) return refuse(tooFast(wait))
  const proof = await verifyKeys(deps, context)
  if (!proof.ok) return proof
  const claimed = await claimKeys(deps, proof.value)
  return claimed.ok ? ok({ kind: 'workload', workload, proof: proof.value }) : claimed
}

/**
 * A workload that stands beside a credential: its assertion is looked at and counted as one that calls by itself is.
 */
export async function identifyBeside(
  deps: CallerDeps,
  assertion: string,
): Promise<Result<Workload | undefined, HttpAnswer>> {
  const workload = await deps.verifyWorkload(assertion)
  if (!workload.ok) {
    if (isAssertionOutage(workload.refusal)) throw issuerUnavailable()
    return ok(undefined)
  }
  const wait = deps.admit(workload.value)
  return wait === undefined ? workload : refuse(tooFast(wait))
}

/**
 * A credential of ours, by the scheme that its binding asks for: one that is bound to a DPoP
 * key is no bearer token, and the other way round (RFC 9449 §7.1 and §7.2); one that is bound
 * to a certificate comes with that certificate (RFC 8705 §3).
 */
async function identifyHolder(
  deps: CallerDeps,
  context: RequestContext,
  { scheme, token }: PresentedToken,
): Promise<Result<Caller, HttpAnswer>> {
  const verified = await deps.tokens.verifyOwnToken(token, 'at+jwt', deps.clock.now())
  const challenge = scheme === 'DPoP' ? dpopInvalid : unauthorized
  if (!verified.ok) return refuse(challenge(verified.refusal.reason))
  const credential = verified.value
  const { cnf } = credential
  const needsDpop = cnf !== undefined && 'jkt' in cnf
  if (needsDpop !== (scheme === 'DPoP'))
    return refuse(needsDpop ? dpopInvalid('token_is_bound') : dpopInvalid('token_not_bound'))
  if (cnf === undefined) return ok({ kind: 'holder', credential, isProved: false })
  const proof = await verifyKeys(deps, context, { value: token, mustBeNamed: true })
  if (!proof.ok) return proof
  // Whoever only has the token, and a key of their own, uses nothing up.
  if (!provesConfirmation(cnf, proof.value)) return refuse(challenge('key_not_proved'))
  const wait = deps.admit({ spiffeId: credential.client_id })
  if (wait !== undefined) return refuse(tooFast(wait))
  const claimed = await claimKeys(deps, proof.value)
  return claimed.ok ? ok({ kind: 'holder', credential, isProved: true }) : claimed
}

/** The keys that come with a request; nothing is spent. */
async function verifyKeys(
  { verifyPossession }: CallerDeps,
  context: RequestContext,
  token?: { readonly value: string; readonly mustBeNamed: boolean },
): Promise<Result<ProofOfPossession, HttpAnswer>> {
  const proved = await verifyPossession(context, token)
  if (proved.ok) return proved
  const { reason } = proved.refusal
  return refuse(reason === 'dpop_nonce_needed' ? dpopNonceNeeded() : dpopUnauthorized('invalid_dpop_proof', reason))
}

/** Of a caller who is known by now: each proof serves once. */
async function claimKeys(
  { proofs, clock }: CallerDeps,
  proof: ProofOfPossession,
): Promise<Result<'claimed', HttpAnswer>> {
  const claimed = await claimProof(proofs, proof, clock.now())
  return claimed === 'used' ? refuse(dpopUnauthorized('invalid_dpop_proof', 'dpop_used')) : ok('claimed')
}

/**
 * A person with one of these roles, and nobody else: no decision is
 * reachable with a machine's credential, whatever its claims.
 */
export async function identifyPerson(
  deps: CallerDeps,
  context: RequestContext,
  roles: readonly Role[],
  requirement?: PersonRequirement,
): Promise<Result<Person, HttpAnswer>> {
  const caller = await identify(deps, context, requirement)
  if (!caller.ok) return caller
  if (caller.value.kind !== 'person') return refuse(forbidden('only people may do this'))
  return hasRole(caller.value.person, roles)
    ? ok(caller.value.person)
    : refuse(forbidden(`this needs a role: ${roles.join(' or ')}`))
}

export const hasRole = (person: Person, roles: readonly Role[]): boolean =>
  roles.some((role) => person.roles.includes(role))

interface PresentedToken {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly token: string
}

/** The schemes are matched without case (RFC 9110 §11.1). */
const AUTHORIZATION = /^(?:(bearer)|dpop) ([A-Za-z0-9\-._~+/]+=*)$/i

/** RFC 6750 §2.1, RFC 9449 §7.1. */
export function presentedToken(authorization: string | undefined): PresentedToken | undefined {
  const [, bearer, token] = AUTHORIZATION.exec(authorization ?? '') ?? []
  return token === undefined ? undefined : { scheme: bearer === undefined ? 'DPoP' : 'Bearer', token }
}

const tooFast = (retryAfter: number): HttpAnswer => refusalAnswer({ reason: 'too_fast', retryAfter }, 'problem')

const issuerUnavailable = (): Fault => new Fault('issuer_unavailable', "the token's issuer cannot be asked")

const ALGS = `algs="${DPOP_ALGORITHMS.join(' ')}"`

const dpopInvalid = (reason: string | undefined): HttpAnswer => dpopUnauthorized('invalid_token', reason)

const DPOP_TITLES = {
  invalid_token:
    'the token is not acceptable here: one that is bound to a key comes with the scheme DPoP, others with Bearer',
  invalid_dpop_proof: 'the DPoP proof is not good for this request: make a fresh one, with the ath of the token',
  use_dpop_nonce: 'make a proof with the nonce of the DPoP-Nonce header',
} as const

/** RFC 9449 §7.1. */
function dpopUnauthorized(code: keyof typeof DPOP_TITLES, reason: string | undefined): HttpAnswer {
  const headers = { 'WWW-Authenticate': `DPoP error="${code}", ${ALGS}` }
  const answer = problemAnswer({ status: 401, code, title: DPOP_TITLES[code], headers })
  return reason === undefined ? answer : { ...answer, unverified: reason }
}

/**
 * RFC 9449 §9. The nonce itself is in every answer to a proof
 * (`dispatch.ts`). Who is asked for one has failed at nothing yet.
 */
const dpopNonceNeeded = (): HttpAnswer => dpopUnauthorized('use_dpop_nonce', undefined)

/** RFC 6750 §3: without a token, no error code; `realm`, since a challenge by Bearer has at least one parameter. */
function unauthorized(reason: string | undefined): HttpAnswer {
  const challenge = reason === undefined ? `Bearer realm="errand", DPoP ${ALGS}` : 'Bearer error="invalid_token"'
  const title =
    reason === undefined
      ? 'send a Bearer token: an assertion, or a token of a person'
      : 'the token is not acceptable here'
  const answer = problemAnswer({
    status: 401,
    code: 'invalid_token',
    title,
    headers: { 'WWW-Authenticate': challenge },
  })
  return { ...answer, unverified: reason ?? 'token_missing' }
}

/** The sign-in is good, but too old or too weak for this act (RFC 9470 §3). */
export function stepUp({ maxAge, acrValues, amr }: PersonRequirement): HttpAnswer {
  const parameters = [
    'error="insufficient_user_authentication"',
    'error_description="sign in again, as strongly as this act needs"',
    ...(maxAge === undefined ? [] : [`max_age="${maxAge}"`]),
    ...(acrValues === undefined ? [] : [`acr_values="${acrValues.join(' ')}"`]),
  ]
  return problemAnswer({
    status: 401,
    code: 'insufficient_user_authentication',
    title: 'the sign-in is too old or too weak for this: sign in again',
    headers: { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}` },
    members: {
      ...(maxAge === undefined ? {} : { max_age: maxAge }),
      ...(acrValues === undefined ? {} : { acr_values: acrValues }),
      ...(amr === undefined ? {} : { amr }),
    },
  })
}

export const forbidden = (detail: string): HttpAnswer =>
  problemAnswer({ status: 403, code: 'forbidden', title: 'this is not yours to do', detail })

export const unknownResource = (title: string): HttpAnswer => problemAnswer({ status: 404, code: 'not_found', title })
