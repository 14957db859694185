import type { EncodedEvent } from '../../evidence/event.js'
import { numberKey, shardKey } from './keys.js'
import type { Tables } from './tables.js'

/** Appends within the step that the events describe, so that `seq` has no gaps. */
export function appendEvents({ events: lines, heads }: Tables, events: readonly EncodedEvent[]): void {
  for (const { shard, before, after } of events) {
    const key = shardKey(shard)
    const seq = (heads.get(key) ?? 0) + 1
    heads.put(key, seq)
    lines.put(key + numberKey(seq), `${before}${seq}${after}`)
  }
}
