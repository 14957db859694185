import type { z } from 'zod'
import type { GrantDeps } from '../../grants/grant-deps.js'
import { requestGrant, type GrantBody, type GrantRefusal } from '../../grants/request-grant.js'
import { jsonAnswer, type HttpAnswer } from '../answer.js'
import { forbidden, identify, type CallerDeps } from '../callers.js'
import { problemAnswer } from '../errors.js'
import { grantBodySchema } from '../grant-body.js'
import { grantSchema, viewGrant } from '../grant-view.js'
import { PROBLEMS } from '../problems.js'
import { jsonRoute, type Route } from '../route.js'

export interface GrantEndpointDeps extends GrantDeps {
  readonly callers: CallerDeps
}

/** `POST /grants`: people are asked before the run needs it. */
export const askRoute = (deps: GrantEndpointDeps): Route =>
  jsonRoute({
    path: '/grants',
    operationId: 'requestGrant',
    summary: 'Ask people for a grant beforehand',
    tag: 'grants',
    security: ['assertion', 'person'],
    body: grantBodySchema,
    responses: { 201: { description: 'Pending', schema: grantSchema }, ...PROBLEMS },
    handle: async ({ body }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      if (caller.value.kind === 'holder') return forbidden('a credential asks for nothing: send an assertion')
      const asked = await requestGrant(deps, caller.value, body satisfies z.output<typeof grantBodySchema> as GrantBody)
      if (!asked.ok) return refusalAnswerOf(asked.refusal)
      const location = `${deps.issuer}/grants/${asked.value.terms.id}`
      return jsonAnswer(201, viewGrant(asked.value, deps.clock.now()), { Location: location })
    },
  })

function refusalAnswerOf(refusal: GrantRefusal): HttpAnswer {
  const no = (
    status: number,
    title: string,
    more: { members?: Record<string, unknown>; retryAfter?: number } = {},
  ): HttpAnswer => problemAnswer({ status, code: refusal.reason, title, ...more })
  switch (refusal.reason) {
    case 'target_missing':
    case 'target_unknown':
    case 'target_several':
      return no(400, 'an audience is not served here')
    case 'scope_missing':
      return no(400, 'access needs scope or authorization_details')
    case 'scope_unknown':
      return no(400, 'a scope is not known at its audience', { members: { scope: refusal.scope } })
    case 'details_type_unknown':
    case 'details_invalid':
      return no(400, 'authorization_details are not acceptable')
    case 'tiers_incompatible':
      return no(400, 'this cannot be granted together: it needs different bindings')
    case 'binding_unavailable':
      return no(
        400,
        'no listener here takes client certificates: ask for the binding dpop or any, or for the type x509',
      )
    case 'delegate_missing':
      return no(400, 'say whom it is for: delegate is missing')
    case 'delegate_not_self':
      return no(403, 'a workload asks for itself only')
    case 'delegate_issuer_unknown':
      return no(400, 'the issuer of the delegate is not a workload source here')
    case 'delegate_without_anchor':
      return no(400, `the delegate must state ${refusal.claim} exactly`, { members: { claim: refusal.claim } })
    case 'delegate_malformed':
      return no(400, 'a pattern of the delegate cannot be read', { members: { name: refusal.name } })
    case 'several_tasks':
      return no(403, 'a workload asks for one task; standing windows are asked for by people')
    case 'person_ambiguous':
      return no(403, 'your token does not say which person you are across accounts (same_person)')
    case 'type_not_issued':
      return no(400, 'an audience does not take this type of credential')
    case 'names_without_certificate':
      return no(400, 'names go with certificates: ask for the type x509')
    case 'name_not_allowed':
      return no(400, 'an audience does not allow this name in certificates', { members: { name: refusal.name } })
    case 'audience_repeated':
      return no(400, 'name each audience once')
    case 'decided_by_rules':
      return no(409, 'rules decide on this at each exchange: no grant is needed')
    case 'policy_denied':
      return no(403, 'no rule allows a part of this')
    case 'window_too_long':
      return no(400, `duration_seconds can be at most ${refusal.longest}`, { members: { longest: refusal.longest } })
    case 'delegation_too_wide':
      return no(
        400,
        'delegation is more than the tier allows, or names a depth without actors, or actors without a depth',
      )
    case 'assertion_used':
      return no(409, 'the assertion has been used: get a fresh one')
    case 'run_ended':
      return no(403, 'the run has ended')
    case 'cooling_down':
      return no(403, 'an equal request was denied a short time ago')
    case 'too_many_pending':
      return no(429, 'as many requests wait for people as may', { retryAfter: 60 })
    case 'equal_pending':
      return no(409, 'an equal request is pending', { members: { grant_id: refusal.id } })
  }
}
