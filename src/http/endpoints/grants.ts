import { z } from 'zod'
import type { Grant } from '../../grants/grant.js'
import type { GrantDeps } from '../../grants/grant-deps.js'
import type { Role } from '../../people/person.js'
import { requestGrant, type GrantBody, type GrantRefusal } from '../../grants/request-grant.js'
import { anchorKeyOf } from '../../grants/whereabouts.js'
import { lengthOf, plainText } from '../../oauth/plain-text.js'
import { parseScope } from '../../oauth/scope.js'
import { parseGrantId } from '../../runtime/ids.js'
import { PLAIN_COMMON_NAME, PLAIN_DNS_NAME } from '../../x509/name-syntax.js'
import { jsonAnswer, type HttpAnswer } from '../answer.js'
import { forbidden, hasRole, identify, unknownResource, type Caller, type CallerDeps } from '../callers.js'
import type { Cursors } from '../cursor.js'
import { problemAnswer, problemSchema, refusalAnswer } from '../errors.js'
import { detailSchema, grantSchema, viewGrant } from '../grant-view.js'
import { getRoute, jsonRoute, type ResponseDocs, type Route } from '../route.js'
import { wholeNumber } from '../whole-number.js'

export interface GrantEndpointDeps extends GrantDeps {
  readonly callers: CallerDeps
}

export interface GrantListDeps extends GrantEndpointDeps {
  readonly cursors: Cursors
}

/** What every JSON endpoint may answer besides its own. */
export const PROBLEMS: Readonly<Record<number, ResponseDocs>> = {
  400: { description: 'Malformed or not acceptable', schema: problemSchema, mediaType: 'application/problem+json' },
  401: {
    description: 'Nobody proved themselves, or too weakly',
    schema: problemSchema,
    mediaType: 'application/problem+json',
  },
  403: { description: 'Not the caller’s to do', schema: problemSchema, mediaType: 'application/problem+json' },
  404: { description: 'Unknown to the caller', schema: problemSchema, mediaType: 'application/problem+json' },
  409: { description: 'It is not in the state for this', schema: problemSchema, mediaType: 'application/problem+json' },
  429: { description: 'Too fast, or too many', schema: problemSchema, mediaType: 'application/problem+json' },
  503: { description: 'Not available at the moment', schema: problemSchema, mediaType: 'application/problem+json' },
}

export const grantRoutes = (deps: GrantListDeps): readonly Route[] => [askRoute(deps), listRoute(deps), readRoute(deps)]

const MAX_PURPOSE = 500
const SCOPE = z
  .string()
  .max(2048)
  .transform((text, context): readonly string[] => {
    if (text === '') return []
    const scope = parseScope(text)
    if (scope === undefined) context.addIssue('not a scope (RFC 6749 §3.3)')
    return scope ?? []
  })
const shown = (longest: number) =>
  z
    .string()
    .refine((text) => lengthOf(text) <= longest, `more than ${longest} characters`)
    .transform(plainText)

const namesSchema = z
  .strictObject({
    common_name: z
      .string()
      .regex(PLAIN_COMMON_NAME, 'not a common name: 1 to 64 printable ASCII characters')
      .optional(),
    dns: z
      .array(z.string().regex(PLAIN_DNS_NAME, 'not a DNS name in lowercase'))
      .max(16)
      .transform((names) => [...new Set(names)].sort())
      .prefault([]),
  })
  .refine(
    ({ common_name, dns }) => common_name !== undefined || dns.length > 0,
    'name at least one, or leave names out',
  )
  .describe('the very names that certificates will carry')

/** Strict: a member that nobody reads would be believed to count. */
const bodySchema = z.strictObject({
  delegate: z
    .strictObject({
      issuer: z.string().min(1).max(2048),
      subject: z.string().max(1024).default('*'),
      claims: z.record(z.string().min(1).max(256), z.string().max(1024)).default({}),
    })
    .optional(),
  task: z
    .strictObject({
      description: shown(500).default(''),
      reference: shown(2048).default(''),
      max_tasks: z.int().min(1).max(1_000_000).default(1),
    })
    .prefault({}),
  access: z
    .array(
      z.strictObject({
        audience: z.string().min(1).max(2048),
        scope: SCOPE.prefault(''),
        authorization_details: z.array(detailSchema).max(16).default([]),
      }),
    )
    .min(1)
    .max(16),
  credential: z
    .strictObject({
      types: z
        .array(z.enum(['jwt', 'x509']))
        .min(1)
        .transform((types) => [...new Set(types)].sort())
        .prefault(['jwt']),
      max_ttl_seconds: z.int().min(1).max(3600).optional(),
      binding: z.enum(['none', 'dpop', 'mtls', 'any']).default('none'),
      names: namesSchema.optional(),
    })
    .prefault({}),
  delegation: z
    .strictObject({
      to: z.array(z.string().startsWith('spiffe://').max(127)).max(64).default([]),
      max_depth: z.int().min(0).max(16).default(0),
      max_children: z.int().min(0).max(1000).default(0),
    })
    .prefault({}),
  duration_seconds: z
    .int()
    .min(1)
    .max(366 * 86_400)
    .default(3600),
  purpose: shown(MAX_PURPOSE).refine((text) => text !== '', 'say why'),
})

const askRoute = (deps: GrantEndpointDeps): Route =>
  jsonRoute({
    path: '/grants',
    operationId: 'requestGrant',
    summary: 'Ask people for a grant beforehand',
    tag: 'grants',
    security: ['assertion', 'person'],
    body: bodySchema,
    responses: { 201: { description: 'Pending', schema: grantSchema }, ...PROBLEMS },
    handle: async ({ body }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      if (caller.value.kind === 'holder') return forbidden('a credential asks for nothing: send an assertion')
      const asked = await requestGrant(deps, caller.value, body satisfies z.output<typeof bodySchema> as GrantBody)
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

const listQuery = z.strictObject({
  status: z.enum(['pending', 'active', 'denied', 'withdrawn', 'expired', 'completed', 'revoked']).optional(),
  cursor: z.string().max(512).optional(),
  limit: wholeNumber(200, 50),
})

const listRoute = (deps: GrantListDeps): Route =>
  getRoute({
    path: '/grants',
    operationId: 'listGrants',
    summary: 'List grants: people with a role see all, others their own',
    tag: 'grants',
    security: ['assertion', 'person'],
    query: listQuery,
    responses: {
      200: {
        description: 'A page',
        schema: z.object({ grants: z.array(grantSchema), next_cursor: z.string().optional() }),
      },
      ...PROBLEMS,
    },
    handle: async ({ query }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      if (caller.value.kind === 'holder') return forbidden('send an assertion, or sign in')
      return listFor(deps, caller.value, query)
    },
  })

async function listFor(
  deps: GrantListDeps,
  caller: Exclude<Caller, { kind: 'holder' }>,
  query: z.output<typeof listQuery>,
): Promise<HttpAnswer> {
  const anchor =
    caller.kind === 'workload'
      ? { shard: caller.workload.shard, key: anchorKeyOf(caller.workload.source, caller.workload.anchor.value) }
      : undefined
  const filter = {
    ...(query.status === undefined ? {} : { status: query.status }),
    ...(anchor === undefined ? {} : { anchor }),
  }
  const list = ['grants', query.status ?? '', anchor?.key ?? '']
  const place = query.cursor === undefined ? undefined : deps.cursors.open(list, query.cursor)
  if (query.cursor !== undefined && place === undefined)
    return refusalAnswer({ reason: 'malformed_request', detail: 'the cursor is not one of this list' }, 'problem')
  const page = await deps.stores.grants.list(filter, place, query.limit)
  const now = deps.clock.now()
  const grants = deps.safe
    .openGenuine(page.records)
    .filter(({ grant }) => isReadableBy(grant, caller))
    .map(({ grant }) => viewGrant(grant, now))
  return jsonAnswer(200, {
    grants,
    ...(page.next === undefined ? {} : { next_cursor: deps.cursors.seal(list, page.next) }),
  })
}

const readRoute = (deps: GrantEndpointDeps): Route =>
  getRoute({
    path: '/grants/{id}',
    operationId: 'readGrant',
    summary: 'Read a grant',
    tag: 'grants',
    security: ['assertion', 'person'],
    query: z.strictObject({}),
    responses: { 200: { description: 'The grant', schema: grantSchema }, ...PROBLEMS },
    handle: async ({ params }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      const grant = await readable(deps, params['id'], caller.value)
      return grant === undefined ? unknownGrant() : jsonAnswer(200, viewGrant(grant, deps.clock.now()))
    },
  })

/** The grant, if it exists and this caller may see it: the two are not told apart. */
async function readable(
  deps: GrantEndpointDeps,
  rawId: string | undefined,
  caller: Caller,
): Promise<Grant | undefined> {
  const id = parseGrantId(rawId)
  const record = id === undefined ? undefined : await deps.stores.grants.read(id)
  if (record === undefined) return undefined
  const { grant } = deps.safe.open(record)
  return isReadableBy(grant, caller) ? grant : undefined
}

/** Whoever has one of these reads every grant. */
export const READERS: readonly Role[] = ['approver', 'operator', 'auditor']

/** Its own requester, and people with a role. */
function isReadableBy({ terms: { requested_by } }: Grant, caller: Caller): boolean {
  switch (caller.kind) {
    case 'person':
      return hasRole(caller.person, READERS) || (requested_by.kind === 'person' && requested_by.id === caller.person.id)
    case 'workload':
      return requested_by.kind === 'workload' && requested_by.id === caller.workload.spiffeId
    case 'holder':
      return false
  }
}

export const unknownGrant = (): HttpAnswer => unknownResource('there is no such grant, or it is not yours to see')
