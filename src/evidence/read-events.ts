import type { Shard } from '../runtime/ids.js'
import type { EvidenceEvent, EventFilter } from './event.js'
import type { EvidenceStore } from './evidence-store.js'
import { byTime, matches, shardsOf } from './match-event.js'

/** One page of events, and where the next one begins. */
export interface EventPage {
  readonly events: readonly EvidenceEvent[]
  /** The last `seq` that was looked at, by shard. Everything is read once all of them stand at the heads. */
  readonly position: Position
  readonly complete: boolean
}

/** By shard: events up to this `seq` have been read. */
export type Position = Readonly<Record<Shard, number>>

const BATCH = 200
/** So many lines are looked at for one page at the most, matching or not. */
const MOST_LINES = 20_000

/**
 * Reads events that match, oldest first within a shard and merged by time across shards. A filter
 * by grant or task looks at the one shard that the id names.
 */
export async function readEvents(
  store: EvidenceStore,
  filter: EventFilter,
  position: Position,
  limit: number,
): Promise<EventPage> {
  const heads = await store.heads()
  const found: EvidenceEvent[] = []
  const reached: Record<Shard, number> = { ...position }
  let looked = 0
  let complete = true
  for (const shard of shardsOf(filter)) {
    const head = heads[shard] ?? 0
    while ((reached[shard] ?? 0) < head) {
      if (found.length >= limit || looked >= MOST_LINES) {
        complete = false
        break
      }
      const lines = await store.read(shard, reached[shard] ?? 0, Math.min(BATCH, limit - found.length))
      if (lines.length === 0) break
      looked += lines.length
      for (const { seq, line } of lines) {
        reached[shard] = seq
        const event = JSON.parse(line) as EvidenceEvent
        if (matches(event, filter)) found.push(event)
      }
    }
  }
  return { events: found.sort(byTime), position: reached, complete }
}
