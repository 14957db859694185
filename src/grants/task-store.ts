import type { EncodedEvent } from '../evidence/event.js'
import type { EpochSeconds } from '../runtime/clock.js'
import type { TaskId } from '../runtime/ids.js'
import type { GrantRevision } from './grant-store.js'
import type { TaskRecord } from './issuance-store.js'

export interface TaskEnd {
  readonly id: TaskId
  readonly state: 'completed' | 'abandoned' | 'revoked'
  /** With the task's lease passed only: `abandoned` by the sweeper. */
  readonly onlyIfLapsed?: EpochSeconds
  /** A grant for one task is completed in the same step. */
  readonly grant?: GrantRevision
  readonly at: EpochSeconds
  readonly events: readonly EncodedEvent[]
}

export interface TaskStore {
  read(id: TaskId): Promise<TaskRecord | undefined>
  /** Lengthens the lease, never shortens it. */
  renew(id: TaskId, leaseUntil: EpochSeconds, events: readonly EncodedEvent[]): Promise<'renewed' | 'ended' | 'unknown'>
  /** Ends the task, and the run when the task `endsRun`, and revises the grant: one step, final. All credentials of the task are dead from then on. `conflict`: the grant's version moved. */
  end(end: TaskEnd): Promise<'ended' | 'already' | 'not_lapsed' | 'conflict' | 'unknown'>
}
