import { z } from 'zod'
import { parseCredentialDocument, parseTaskDocument } from '../../grants/documents.js'
import type { GrantDeps } from '../../grants/grant-deps.js'
import type { TaskRecord } from '../../grants/issuance-store.js'
import { storedAsOf } from '../../grants/lifecycle.js'
import { holderOf } from '../../grants/whereabouts.js'
import { CLIENT_ASSERTION_TYPE, MAX_TOKEN_BYTES } from '../../oauth/urns.js'
import { endTask } from '../../revocation/end-task.js'
import { renewTask } from '../../revocation/renew-task.js'
import { formatTime } from '../../runtime/clock.js'
import { parseTaskId, shardOf, type CredentialId } from '../../runtime/ids.js'
import { ok, refuse, type Result } from '../../runtime/result.js'
import { jsonAnswer, type HttpAnswer, type RequestContext } from '../answer.js'
import {
  forbidden,
  hasRole,
  identify,
  identifyBeside,
  unknownResource,
  type Caller,
  type CallerDeps,
} from '../callers.js'
import { problemAnswer } from '../errors.js'
import { PROBLEMS } from '../problems.js'
import { getRoute, jsonRoute, type Route } from '../route.js'

export interface TaskEndpointDeps extends GrantDeps {
  readonly callers: CallerDeps
}

/**
 * Tasks: read, completed, kept alive. By the workload that opened them;
 * completed also by operators and, each its own part, by holders.
 */
export const taskRoutes = (deps: TaskEndpointDeps): readonly Route[] => [
  readRoute(deps),
  completeRoute(deps),
  heartbeatRoute(deps),
]

const taskSchema = z.object({
  id: z.string(),
  grant_id: z.string(),
  status: z.enum(['open', 'completed', 'abandoned', 'revoked']),
  task: z.string().describe('the name that subdivides the run; empty without one'),
  workload: z.string(),
  opened_at: z.string(),
  lease_until: z.string(),
})

/**
 * A holder of a credential that is bound to no key proves with an
 * assertion that it is the run that the credential was issued to.
 */
const holderBody = z.strictObject({
  client_assertion: z.string().min(1).max(MAX_TOKEN_BYTES).optional(),
  client_assertion_type: z.literal(CLIENT_ASSERTION_TYPE).optional(),
})

/** A task ends with its grant: no mark of its own is made for that. */
async function statusOf({ stores, safe, clock }: GrantDeps, task: TaskRecord): Promise<TaskRecord['state']> {
  if (task.state !== 'open') return task.state
  const record = await stores.grants.read(task.grantId)
  const status = record === undefined ? 'expired' : storedAsOf(safe.open(record), clock.now()).status
  if (status === 'active') return 'open'
  return status === 'revoked' ? 'revoked' : 'abandoned'
}

async function viewTask(deps: GrantDeps, task: TaskRecord): Promise<z.output<typeof taskSchema>> {
  const document = parseTaskDocument(task.document)
  return {
    id: task.id,
    grant_id: task.grantId,
    status: await statusOf(deps, task),
    task: document.task,
    workload: document.workload,
    opened_at: formatTime(task.openedAt),
    lease_until: formatTime(task.leaseUntil),
  }
}

const unknownTask = (): HttpAnswer => unknownResource('there is no such task, or it is not yours')

/** What of a task is the caller's: all of it, or what was handed on to them. */
type Part = {
  readonly task: TaskRecord
  readonly by: string
  readonly kind: 'workload' | 'person'
  readonly subtree?: CredentialId
}

async function partOf(
  deps: TaskEndpointDeps,
  rawId: string | undefined,
  caller: Caller,
  clientAssertion: string | undefined,
): Promise<Result<Part, HttpAnswer>> {
  const id = parseTaskId(rawId)
  const task = id === undefined ? undefined : await deps.stores.tasks.read(id)
  if (task === undefined) return refuse(unknownTask())
  switch (caller.kind) {
    case 'person':
      return hasRole(caller.person, ['operator'])
        ? ok({ task, by: caller.person.id, kind: 'person' })
        : refuse(forbidden('this needs a role: operator'))
    case 'workload':
      return parseTaskDocument(task.document).holder === holderOf(caller.workload, [])
        ? ok({ task, by: caller.workload.spiffeId, kind: 'workload' })
        : refuse(unknownTask())
    case 'holder':
      return heldPart(deps, task, caller, clientAssertion)
  }
}

/**
 * The credential alone is not enough: a resource server that received
 * it has it too. Its key is, or the assertion of its run.
 */
async function heldPart(
  deps: TaskEndpointDeps,
  task: TaskRecord,
  { credential, isProved }: Extract<Caller, { kind: 'holder' }>,
  clientAssertion: string | undefined,
): Promise<Result<Part, HttpAnswer>> {
  if (credential.task_id !== task.id) return refuse(unknownTask())
  const standing = await deps.stores.issuance.look(credential.jti, deps.clock.now())
  const part = { task, by: credential.client_id, kind: 'workload' as const }
  const held = credential.act === undefined ? part : { ...part, subtree: credential.jti }
  // One that was ended completes nothing, unless nothing is left to complete.
  const isOver = standing?.live !== true && task.state === 'open'
  if (isProved && clientAssertion === undefined)
    return isOver ? refuse(forbidden('the credential has ended')) : ok(held)
  if (clientAssertion === undefined)
    return refuse(forbidden('the credential is not bound: send client_assertion too, of the run that it was issued to'))
  const client = await identifyBeside(deps.callers, clientAssertion)
  if (!client.ok) return client
  const holds =
    client.value !== undefined &&
    standing !== undefined &&
    parseCredentialDocument(standing.credential.document).holder === holderOf(client.value, [])
  if (!holds) return refuse(forbidden('the client_assertion is not of the run that the credential was issued to'))
  return ok(held)
}

const readRoute = (deps: TaskEndpointDeps): Route =>
  getRoute({
    path: '/tasks/{id}',
    operationId: 'readTask',
    summary: 'Read a task',
    tag: 'tasks',
    security: ['assertion', 'person'],
    query: z.strictObject({}),
    responses: { 200: { description: 'The task', schema: taskSchema }, ...PROBLEMS },
    handle: async ({ params }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      const id = parseTaskId(params['id'])
      const task = id === undefined ? undefined : await deps.stores.tasks.read(id)
      return task !== undefined && maySee(task, caller.value)
        ? jsonAnswer(200, await viewTask(deps, task))
        : unknownTask()
    },
  })

function maySee(task: TaskRecord, caller: Caller): boolean {
  if (caller.kind === 'person') return hasRole(caller.person, ['approver', 'operator', 'auditor'])
  return caller.kind === 'workload' && parseTaskDocument(task.document).holder === holderOf(caller.workload, [])
}

const completeRoute = (deps: TaskEndpointDeps): Route =>
  jsonRoute({
    path: '/tasks/{id}/complete',
    operationId: 'completeTask',
    summary: 'The task is done: all its credentials end now',
    tag: 'tasks',
    security: ['assertion', 'person', 'credential'],
    dpop: true,
    body: holderBody,
    carries: ['client_assertion'],
    optional: true,
    responses: { 200: { description: 'Completed', schema: taskSchema }, ...PROBLEMS },
    handle: async ({ params, body }, context) => {
      const part = await identifyPart(deps, params['id'], body.client_assertion, context)
      if (!part.ok) return part.refusal
      return complete(deps, part.value)
    },
  })

async function complete(deps: TaskEndpointDeps, { task, by, kind, subtree }: Part): Promise<HttpAnswer> {
  if (subtree === undefined) await endTask(deps, task.id, { state: 'completed', by, kind })
  else {
    const now = deps.clock.now()
    const subject = { grantId: task.grantId, taskId: task.id, credentialId: subtree, workload: by }
    const event = deps.describe(shardOf(subtree), 'credential.revoked', now, subject, { by: 'child_completed' })
    await deps.stores.issuance.endCredential(subtree, 'revoked', now, [event])
  }
  const after = await deps.stores.tasks.read(task.id)
  return after === undefined ? unknownTask() : jsonAnswer(200, await viewTask(deps, after))
}

const heartbeatRoute = (deps: TaskEndpointDeps): Route =>
  jsonRoute({
    path: '/tasks/{id}/heartbeat',
    operationId: 'heartbeat',
    summary: 'The task is still at work: its lease is renewed',
    tag: 'tasks',
    security: ['assertion'],
    body: z.strictObject({}),
    optional: true,
    responses: {
      200: { description: 'Renewed', schema: z.object({ id: z.string(), lease_seconds: z.int() }) },
      ...PROBLEMS,
    },
    handle: async ({ params }, context) => {
      const caller = await identify(deps.callers, context)
      if (!caller.ok) return caller.refusal
      if (caller.value.kind !== 'workload') return forbidden('the workload itself says that it is at work')
      const part = await partOf(deps, params['id'], caller.value, undefined)
      if (!part.ok) return part.refusal
      const { id } = part.value.task
      const renewed = await renewTask(deps, id)
      if (renewed.kind === 'renewed') return jsonAnswer(200, { id, lease_seconds: renewed.leaseSeconds })
      return problemAnswer({ status: 409, code: 'task_ended', title: 'the task has ended' })
    },
  })

async function identifyPart(
  deps: TaskEndpointDeps,
  id: string | undefined,
  clientAssertion: string | undefined,
  context: RequestContext,
): Promise<Result<Part, HttpAnswer>> {
  const caller = await identify(deps.callers, context)
  return caller.ok ? partOf(deps, id, caller.value, clientAssertion) : caller
}
