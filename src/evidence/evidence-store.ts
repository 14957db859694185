import type { Shard } from '../runtime/ids.js'
import type { EncodedEvent } from './event.js'

/** The outbox of each shard: a line for each state change, in the order in which they happened there. */
export interface EvidenceStore {
  /** Appends events that go with no other state change (refusals). All of them share one shard, or each is its own step. Durable before it resolves. */
  append(events: readonly EncodedEvent[]): Promise<void>
  /** The lines of a shard with `seq` above `after`, oldest first, at most `limit`. A line is the event's JCS. */
  read(shard: Shard, after: number, limit: number): Promise<readonly { readonly seq: number; readonly line: string }[]>
  /** The last `seq` of each of the 64 shards; 0 where nothing was appended. */
  heads(): Promise<readonly number[]>
}
