import type { AccessTokenClaims, Tokens } from '../issuance/jwt.js'
import type { Person, Role } from '../people/person.js'
import type { PersonRequirement } from '../people/source.js'
import type { VerifyPerson } from '../people/verify-person.js'
import type { Clock } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { isAssertionOutage } from '../workloads/assertion-refusal.js'
import type { VerifyWorkload } from '../workloads/verify-workload.js'
import type { Workload } from '../workloads/workload.js'
import type { HttpAnswer, RequestContext } from './answer.js'
import { problemAnswer, refusalAnswer } from './errors.js'

/**
 * Who calls the JSON API (contract §1, "Who may call what"). A Bearer token is told by what it is: ours, a workload's, or
 * a person's; the three never overlap. What each may do is asked at the endpoint.
 */
export type Caller =
  | { readonly kind: 'workload'; readonly workload: Workload }
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'holder'; readonly credential: AccessTokenClaims }

export interface CallerDeps {
  readonly clock: Clock
  readonly tokens: Pick<Tokens, 'typOf' | 'verifyOwnToken'>
  readonly verifyWorkload: VerifyWorkload
  readonly verifyPerson: VerifyPerson
  /** Seconds to wait when this workload comes too fast; `undefined` lets it in. Shared with the exchange. */
  readonly admit: (workload: Workload) => number | undefined
}

/** `requirement`: how fresh and strong a person's sign-in must be for this act. */
export async function identify(
  deps: CallerDeps,
  context: RequestContext,
  requirement?: PersonRequirement,
): Promise<Result<Caller, HttpAnswer>> {
  const token = bearerOf(context.authorization)
  if (token === undefined) return refuse(unauthorized(undefined))
  if (deps.tokens.typOf(token) !== undefined) {
    const verified = await deps.tokens.verifyOwnToken(token, 'at+jwt', deps.clock.now())
    return verified.ok
      ? ok({ kind: 'holder', credential: verified.value })
      : refuse(unauthorized(verified.refusal.reason))
  }
  const workload = await deps.verifyWorkload(token)
  if (workload.ok) {
    const wait = deps.admit(workload.value)
    return wait === undefined
      ? ok({ kind: 'workload', workload: workload.value })
      : refuse(refusalAnswer({ reason: 'too_fast', retryAfter: wait }, 'problem'))
  }
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

/** A person with one of these roles, and nobody else: no decision is reachable with a machine's credential, whatever its claims. */
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

const BEARER = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i

/** RFC 6750 §2.1. */
export const bearerOf = (authorization: string | undefined): string | undefined => BEARER.exec(authorization ?? '')?.[1]

const issuerUnavailable = (): Fault => new Fault('issuer_unavailable', "the token's issuer cannot be asked")

/** RFC 6750 §3: without a token, no error code. */
function unauthorized(reason: string | undefined): HttpAnswer {
  const challenge = reason === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
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
