import { parseTime } from '../runtime/clock.js'
import type { Shard } from '../runtime/ids.js'
import type { EvidenceEvent, EventFilter } from './event.js'
import type { EvidenceStore } from './evidence-store.js'
import { byTime, matches, shardsOf } from './match-event.js'
import type { Position } from './read-events.js'

/** The latest events, and where to go on in either direction. */
export interface LatestEvents {
  /** Oldest first. */
  readonly events: readonly EvidenceEvent[]
  /** Everything so far has been read up to here: what comes later is read on from it (`readEvents`). */
  readonly position: Position
  /** What is older is read on from here. */
  readonly before: Position
  /** Nothing older matches. */
  readonly complete: boolean
}

/** Lines that are looked at in one round, over all shards. */
const ROUND = 3200
/** So many lines are looked at for one page at the most, matching or not. */
const MOST_LINES = 20_000

/** A shard, looked at from its end: lines above `below` have been. */
interface Walk {
  readonly shard: Shard
  below: number
  /** Of the oldest line that was looked at. */
  oldest: string
}

/**
 * Reads the latest events that match, walking back from the ends of the shards, and no further back than `count` of them take.
 * @param before where an earlier page went on; without it, from the end
 */
export async function readLatest(
  store: EvidenceStore,
  filter: EventFilter,
  count: number,
  before?: Position,
): Promise<LatestEvents> {
  const heads = await store.heads()
  const from = before ?? heads
  const walks = shardsOf(filter).map((shard) => ({
    shard,
    below: Math.min(from[shard] ?? 0, heads[shard] ?? 0),
    oldest: '',
  }))
  let found: readonly EvidenceEvent[] = []
  const passedOver: EvidenceEvent[] = []
  let looked = 0
  let going: readonly Walk[] = walks.filter(({ below }) => below > 0)
  while (going.length > 0 && looked < MOST_LINES) {
    const batch = Math.ceil(ROUND / going.length)
    const seen = (await Promise.all(going.map((walk) => stepBack(store, walk, batch)))).flat()
    looked += seen.length
    const all = [...found, ...seen.filter((event) => matches(event, filter))].sort(byTime)
    found = all.slice(-count)
    passedOver.push(...all.slice(0, -count))
    const enough = found.length === count ? (found[0]?.at ?? '') : ''
    going = walks.filter(({ below, oldest }) => below > 0 && oldest >= enough && !isBefore(oldest, filter))
  }
  const byShard = new Map(walks.map((walk) => [walk.shard, walk]))
  // What matched and found no room is looked at again.
  for (const { shard, seq } of passedOver) {
    const walk = byShard.get(shard)
    if (walk !== undefined) walk.below = Math.max(walk.below, seq)
  }
  return {
    events: found,
    position: Object.fromEntries(heads.entries()),
    before: Object.fromEntries(walks.map(({ shard, below }) => [shard, below])),
    complete: passedOver.length === 0 && walks.every(({ below, oldest }) => below === 0 || isBefore(oldest, filter)),
  }
}

async function stepBack(store: EvidenceStore, walk: Walk, batch: number): Promise<readonly EvidenceEvent[]> {
  const after = Math.max(0, walk.below - batch)
  const lines = await store.read(walk.shard, after, walk.below - after)
  const events = lines.map(({ line }) => JSON.parse(line) as EvidenceEvent)
  walk.below = after
  walk.oldest = events[0]?.at ?? walk.oldest
  return events
}

/** Nothing in front of it is young enough. */
const isBefore = (at: string, { since }: EventFilter): boolean =>
  since !== undefined && (parseTime(at) ?? since) < since
