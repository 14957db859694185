import { z } from 'zod'
import type { Grant } from '../../grants/grant.js'
import { anchorKeyOf } from '../../grants/whereabouts.js'
import type { Role } from '../../people/person.js'
import { parseGrantId } from '../../runtime/ids.js'
import { jsonAnswer, type HttpAnswer } from '../answer.js'
import { forbidden, hasRole, identify, unknownResource, type Caller } from '../callers.js'
import type { Cursors } from '../cursor.js'
import { refusalAnswer } from '../errors.js'
import { grantSchema, viewGrant } from '../grant-view.js'
import { PROBLEMS } from '../problems.js'
import { getRoute, type Route } from '../route.js'
import { wholeNumber } from '../whole-number.js'
import { askRoute, type GrantEndpointDeps } from './request-grant.js'

export interface GrantListDeps extends GrantEndpointDeps {
  readonly cursors: Cursors
}

export const grantRoutes = (deps: GrantListDeps): readonly Route[] => [askRoute(deps), listRoute(deps), readRoute(deps)]

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
