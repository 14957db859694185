import { z } from 'zod'
import { endGrant, type EndRefusal } from '../../grants/end-grant.js'
import type { Terms } from '../../grants/grant.js'
import { reviewGrant, type ReviewGrantRefusal } from '../../grants/review-grant.js'
import { lengthOf, plainText } from '../../oauth/plain-text.js'
import { parseGrantId } from '../../runtime/ids.js'
import { jsonAnswer, type HttpAnswer } from '../answer.js'
import { forbidden, hasRole, identify, identifyPerson, stepUp } from '../callers.js'
import { problemAnswer } from '../errors.js'
import { grantSchema, termsSchema, viewGrant } from '../grant-view.js'
import { PROBLEMS } from '../problems.js'
import { jsonRoute, type Route } from '../route.js'
import { READERS, unknownGrant } from './grants.js'
import type { GrantEndpointDeps } from './request-grant.js'

/** Decisions on a grant: reviews, and ending it. Never by GET, never by a link, never by a machine (invariant 7). */
export const decisionRoutes = (deps: GrantEndpointDeps): readonly Route[] => [reviewRoute(deps), endRoute(deps)]

const MAX_REASON = 500
const reviewBody = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  reason: z
    .string()
    .refine((text) => lengthOf(text) <= MAX_REASON, `more than ${MAX_REASON} characters`)
    .transform(plainText)
    .prefault(''),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .describe('of the terms that were read'),
  group: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('for which of your groups; needed when several of them must review'),
  terms: termsSchema.optional().describe('complete, and narrower than what was asked for'),
})

const reviewRoute = (deps: GrantEndpointDeps): Route =>
  jsonRoute({
    path: '/grants/{id}/reviews',
    operationId: 'reviewGrant',
    summary: 'Approve or deny a pending grant',
    tag: 'grants',
    security: ['person'],
    body: reviewBody,
    responses: { 201: { description: 'The grant with the review', schema: grantSchema }, ...PROBLEMS },
    handle: async ({ body, params }, context) => {
      const person = await identifyPerson(deps.callers, context, ['approver'])
      if (!person.ok) return person.refusal
      const id = parseGrantId(params['id'])
      if (id === undefined) return unknownGrant()
      const { group, terms, ...rest } = body
      const reviewed = await reviewGrant(deps, id, person.value, {
        ...rest,
        ...(group === undefined ? {} : { group }),
        ...(terms === undefined ? {} : { terms: terms as Terms }),
      })
      return reviewed.ok
        ? jsonAnswer(201, viewGrant(reviewed.value, deps.clock.now()))
        : reviewRefusalAnswer(reviewed.refusal)
    },
  })

function reviewRefusalAnswer(refusal: ReviewGrantRefusal): HttpAnswer {
  const no = (status: number, title: string, members: Record<string, unknown> = {}): HttpAnswer =>
    problemAnswer({ status, code: refusal.reason, title, members })
  switch (refusal.reason) {
    case 'grant_unknown':
      return unknownGrant()
    case 'not_pending':
      return no(409, 'the grant is not pending: nothing is left to decide')
    case 'digest_mismatch':
      return no(409, 'the digest is not that of the terms: read the grant again, and review what it says now')
    case 'terms_not_narrower':
      return no(409, 'the terms are not a narrowing of what was asked for', { detail: refusal.detail })
    case 'tier_gone':
      return no(409, 'what the grant would give is not served any more')
    case 'not_in_group':
      return no(403, 'you are in none of the groups that must review this')
    case 'group_ambiguous':
      return no(400, 'you are in several of the groups that must review this: name one', { groups: refusal.groups })
    case 'sign_in_too_old':
      return stepUp({ maxAge: refusal.maxAge })
    case 'is_requester':
      return no(403, 'who asked for a grant does not approve it')
    case 'already_reviewed':
      return no(409, 'you have reviewed this: each person counts once, whatever accounts they have')
    case 'person_ambiguous':
      return no(403, 'your token does not say which person you are across accounts (same_person)')
    case 'started_the_run':
      return no(403, 'who started a run does not approve it')
    case 'separation_unknown':
      return no(
        403,
        'it cannot be told whether you started the run: your token has no link to its source, or the source does not say',
      )
  }
}

const endRoute = (deps: GrantEndpointDeps): Route =>
  jsonRoute({
    path: '/grants/{id}/revoke',
    operationId: 'endGrant',
    summary: 'End a grant now: operators revoke an active one, the requester withdraws a pending one',
    tag: 'grants',
    security: ['assertion', 'person'],
    body: z.strictObject({}),
    optional: true,
    responses: { 200: { description: 'Ended', schema: grantSchema }, ...PROBLEMS },
    handle: async ({ params }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      if (caller.value.kind === 'holder') return forbidden('a credential ends itself by /revoke, and no grant')
      const id = parseGrantId(params['id'])
      if (id === undefined) return unknownGrant()
      const ending =
        caller.value.kind === 'person'
          ? {
              kind: 'person' as const,
              by: caller.value.person.id,
              operator: hasRole(caller.value.person, ['operator']),
              reader: hasRole(caller.value.person, READERS),
            }
          : { kind: 'workload' as const, by: caller.value.workload.spiffeId, operator: false, reader: false }
      const ended = await endGrant(deps, id, ending)
      return ended.ok ? jsonAnswer(200, viewGrant(ended.value, deps.clock.now())) : endRefusalAnswer(ended.refusal)
    },
  })

function endRefusalAnswer(refusal: EndRefusal): HttpAnswer {
  switch (refusal.reason) {
    case 'grant_unknown':
      return unknownGrant()
    case 'not_yours_to_end':
      return forbidden('a pending grant is withdrawn by who asked for it, an active one revoked by operators')
    case 'has_ended':
      return problemAnswer({ status: 409, code: 'has_ended', title: 'the grant has ended' })
  }
}
