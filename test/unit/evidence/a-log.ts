import { describeEvents, type EventSubject } from '../../../src/evidence/describe-event.js'
import type { EventType } from '../../../src/evidence/event.js'
import type { EvidenceStore } from '../../../src/evidence/evidence-store.js'
import { randomIds, type Shard } from '../../../src/runtime/ids.js'

const describeEvent = describeEvents({ ids: randomIds, policyDigest: 'p' })

/** A log of 64 shards in memory, as the port promises it. */
export function aLog() {
  const lines: string[][] = Array.from({ length: 64 }, () => [])
  const store: EvidenceStore = {
    append: (events) => {
      for (const { shard, before, after } of events) {
        const log = lines[shard] ?? []
        log.push(`${before}${log.length + 1}${after}`)
      }
      return Promise.resolve()
    },
    read: (shard, after, limit) =>
      Promise.resolve(
        (lines[shard] ?? []).slice(after, after + limit).map((line, at) => ({ seq: after + at + 1, line })),
      ),
    heads: () => Promise.resolve(lines.map((of) => of.length)),
  }
  const add = (shard: Shard, type: EventType, at: number, subject: EventSubject = {}) =>
    store.append([describeEvent(shard, type, at, subject)])
  return { store, add }
}
