import type { EncodedEvent } from '../../evidence/event.js'
import type { TaskRecord } from '../../grants/issuance-store.js'
import type { TaskEnd, TaskStore } from '../../grants/task-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import type { TaskId } from '../../runtime/ids.js'
import { tellEnd } from './certificates.js'
import type { Database } from './database.js'
import { appendEvents } from './events.js'
import { hasEnded, revisable, revise } from './grants.js'
import { idKey } from './keys.js'
import type { Tables } from './tables.js'
import { endTask, keepLease } from './tasks.js'

export class EmbeddedTaskStore implements TaskStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  read(id: TaskId): Promise<TaskRecord | undefined> {
    return this.database.look(() => this.tables.tasks.get(idKey(id)))
  }

  renew(
    id: TaskId,
    leaseUntil: EpochSeconds,
    events: readonly EncodedEvent[],
  ): Promise<'renewed' | 'ended' | 'unknown'> {
    return this.database.step(() => {
      const task = this.tables.tasks.get(idKey(id))
      if (!task) return 'unknown'
      if (task.state !== 'open') return 'ended'
      keepLease(this.tables, id, leaseUntil)
      appendEvents(this.tables, events)
      return 'renewed'
    })
  }

  end(end: TaskEnd): ReturnType<TaskStore['end']> {
    return this.database.step(() => {
      const { tables } = this
      const task = tables.tasks.get(idKey(end.id))
      if (!task) return 'unknown'
      if (task.state !== 'open') return 'already'
      if (end.onlyIfLapsed !== undefined && task.leaseUntil > end.onlyIfLapsed) return 'not_lapsed'
      const grant = end.grant && revisable(tables, end.grant)
      if (end.grant && !grant) return 'conflict'
      endTask(tables, task, end.state)
      appendEvents(tables, end.events)
      if (end.grant && grant) revise(tables, grant, end.grant)
      if (end.grant && hasEnded(end.grant.record)) tellEnd(tables, end.at, end.grant.record.id, task.id)
      else tellEnd(tables, end.at, task.id)
      return 'ended'
    })
  }
}
