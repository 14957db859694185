import type { TaskRecord } from '../../grants/issuance-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf, type TaskId } from '../../runtime/ids.js'
import { moveDeadline } from './deadlines.js'
import { changeRun } from './grants.js'
import { besideId, idKey } from './keys.js'
import type { Tables } from './tables.js'

/** Lengthens the lease of a task, never shortens it. */
export function keepLease(tables: Tables, id: TaskId, leaseUntil: EpochSeconds): void {
  const task = tables.tasks.get(idKey(id))
  if (!task || leaseUntil <= task.leaseUntil) return
  tables.tasks.put(idKey(id), { ...task, leaseUntil })
  moveDeadline(tables, id, task.leaseUntil, leaseUntil)
}

export function endTask(tables: Tables, task: TaskRecord, state: Exclude<TaskRecord['state'], 'open'>): void {
  tables.tasks.put(idKey(task.id), { ...task, state })
  moveDeadline(tables, task.id, task.leaseUntil, undefined)
  const errandKey = besideId(task.id, task.errand)
  const errand = tables.errands.get(errandKey) ?? []
  tables.errands.put(
    errandKey,
    errand.map((other) => (other.taskId === task.id ? { ...other, open: false } : other)),
  )
  changeRun(tables, shardOf(task.id), task.run, task.endsRun ? { ended: true } : {})
}
