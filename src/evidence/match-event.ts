import { parseTime } from '../runtime/clock.js'
import { SHARDS, shardOf, type Shard } from '../runtime/ids.js'
import type { EvidenceEvent, EventFilter } from './event.js'

/** Where events that match may be. An id leads to its one shard. */
export function shardsOf(filter: EventFilter): readonly Shard[] {
  const id = filter.grantId ?? filter.taskId
  return id === undefined ? Array.from({ length: SHARDS }, (_, shard) => shard) : [shardOf(id)]
}

export const matches = (
  event: EvidenceEvent,
  { stream, grantId, taskId, workload, person, since }: EventFilter,
): boolean =>
  (stream === undefined || event.stream === stream) &&
  (grantId === undefined || event.grant_id === grantId) &&
  (taskId === undefined || event.task_id === taskId) &&
  (workload === undefined || event.workload === workload) &&
  (person === undefined || event.person === person) &&
  (since === undefined || (parseTime(event.at) ?? 0) >= since)

/** Oldest first; those of one second by shard, and within it as they happened. */
export const byTime = (a: EvidenceEvent, b: EvidenceEvent): number => {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1
  return a.shard - b.shard || a.seq - b.seq
}
