import type { GrantDeps } from '../grants/grant-deps.js'
import { parseTaskDocument } from '../grants/documents.js'
import { isActive } from '../grants/lifecycle.js'
import { shardOf, type TaskId } from '../runtime/ids.js'

export type TaskRenewed =
  { readonly kind: 'renewed'; readonly leaseSeconds: number } | { readonly kind: 'ended' | 'unknown' }

/** A heartbeat: the task is still at work. Its lease is renewed, its credentials are not. */
export async function renewTask(deps: GrantDeps, id: TaskId): Promise<TaskRenewed> {
  const task = await deps.stores.tasks.read(id)
  if (task === undefined) return { kind: 'unknown' }
  const record = await deps.stores.grants.read(task.grantId)
  const now = deps.clock.now()
  if (record === undefined || !isActive(deps.safe.open(record).grant, now)) return { kind: 'ended' }
  const leaseUntil = Math.max(task.leaseUntil, now + deps.limits.lease)
  const subject = { grantId: task.grantId, taskId: id, workload: parseTaskDocument(task.document).workload }
  const event = deps.describe(shardOf(id), 'task.renewed', now, subject, { lease_until: leaseUntil })
  const answer = await deps.stores.tasks.renew(id, leaseUntil, [event])
  return answer === 'renewed' ? { kind: 'renewed', leaseSeconds: leaseUntil - now } : { kind: answer }
}
