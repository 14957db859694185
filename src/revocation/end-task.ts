import type { GrantDeps } from '../grants/grant-deps.js'
import { changeTo, type Ender } from '../grants/end-grant.js'
import { parseTaskDocument } from '../grants/documents.js'
import type { TaskRecord } from '../grants/issuance-store.js'
import { isEnded, storedAsOf } from '../grants/lifecycle.js'
import { revisionOf } from '../grants/revise-grant.js'
import type { TaskEnd } from '../grants/task-store.js'
import { Fault } from '../runtime/fault.js'
import { shardOf, type TaskId } from '../runtime/ids.js'

/**
 * revocation/ ends things: tasks, credentials and what was handed on from them; and tells who asks whether something has
 * ended. An end is one mark in the store, and everything below is dead by it in the same step, because a credential
 * lives only while its task, its grant and all its ancestors do.
 */
export interface TaskEnding extends Ender {
  readonly state: 'completed' | 'abandoned'
}

export type TaskEnded = 'ended' | 'already' | 'not_lapsed' | 'unknown'

const ATTEMPTS = 16

/** Ends a task; a grant for one task is completed with it, and a run with the task that was opened without a name. Final; a second time changes nothing. */
export async function endTask(deps: GrantDeps, id: TaskId, ending: TaskEnding): Promise<TaskEnded> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const task = await deps.stores.tasks.read(id)
    if (task === undefined) return 'unknown'
    if (task.state !== 'open') return 'already'
    const answer = await deps.stores.tasks.end(await endOf(deps, task, ending))
    if (answer !== 'conflict') return answer
  }
  throw new Fault('contended', 'the grant changed under every attempt to end its task')
}

async function endOf(deps: GrantDeps, task: TaskRecord, { state, by, kind }: TaskEnding): Promise<TaskEnd> {
  const now = deps.clock.now()
  const { workload } = parseTaskDocument(task.document)
  const subject = { grantId: task.grantId, taskId: task.id, workload, ...(kind === 'person' ? { person: by } : {}) }
  const ended = deps.describe(
    shardOf(task.id),
    state === 'completed' ? 'task.completed' : 'task.abandoned',
    now,
    subject,
    { by },
  )
  const record = await deps.stores.grants.read(task.grantId)
  const opened = record === undefined ? undefined : deps.safe.open(record)
  const completes = opened !== undefined && !isEnded(storedAsOf(opened, now)) && opened.grant.terms.task.max_tasks === 1
  if (!completes) return { id: task.id, state, at: now, events: [ended], ...lapse(state, now) }
  const change = changeTo(deps, opened.grant, 'completed', { by, kind })
  // One step, so one list of evidence: the grant's end stands behind its task's.
  return {
    id: task.id,
    state,
    at: now,
    events: [ended, ...change.events],
    grant: revisionOf(deps, opened, { grant: change.grant, events: [] }),
    ...lapse(state, now),
  }
}

const lapse = (state: TaskEnding['state'], now: number): Pick<TaskEnd, 'onlyIfLapsed'> =>
  state === 'abandoned' ? { onlyIfLapsed: now } : {}
