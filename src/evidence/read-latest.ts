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

/** Seconds: no clock is set back further. */
const SET_BACK = 3600

/** A shard, looked at from its end: lines above `below` have been. */
interface Walk {
  readonly shard: Shard
  below: number
  /** The earliest time in these lines; what is further back is taken to be no later. */
  earliest: string | undefined
}

/** An event, and the time that it takes its turn by: the earliest of its own and of those behind it in its shard. */
interface Placed {
  readonly event: EvidenceEvent
  readonly turn: string
}

/**
 * Reads the latest events that match, walking back from the ends of the shards, and no further back than `count` of
 * them take. Page by page, every event comes once. Where a clock was set back, a shard goes by its own order, in which
 * no event is passed over for the time that it states; so a page may have one that is younger than some of the page
 * before. For the same reason `since` ends a walk an hour further back only.
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
  const walks = shardsOf(filter).map((shard): Walk => ({
    shard,
    below: Math.min(from[shard] ?? 0, heads[shard] ?? 0),
    earliest: undefined,
  }))
  let found: readonly Placed[] = []
  const passedOver: EvidenceEvent[] = []
  let looked = 0
  let going: readonly Walk[] = walks.filter((walk) => !isOver(walk, filter))
  while (going.length > 0 && looked < MOST_LINES) {
    const batch = Math.ceil(ROUND / going.length)
    const seen = (await Promise.all(going.map((walk) => stepBack(store, walk, batch)))).flat()
    looked += seen.length
    const all = [...found, ...seen.filter(({ event }) => matches(event, filter))].sort(byTurn)
    found = all.slice(-count)
    passedOver.push(...all.slice(0, -count).map(({ event }) => event))
    const enough = found.length === count ? (found[0]?.turn ?? '') : ''
    going = walks.filter((walk) => !isOver(walk, filter) && (walk.earliest === undefined || walk.earliest >= enough))
  }
  const byShard = new Map(walks.map((walk) => [walk.shard, walk]))
  // What matched and found no room is looked at again.
  for (const { shard, seq } of passedOver) {
    const walk = byShard.get(shard)
    if (walk !== undefined) walk.below = Math.max(walk.below, seq)
  }
  return {
    events: found.map(({ event }) => event).sort(byTime),
    position: Object.fromEntries(heads.entries()),
    before: Object.fromEntries(walks.map(({ shard, below }) => [shard, below])),
    complete: passedOver.length === 0 && walks.every((walk) => isOver(walk, filter)),
  }
}

/** Nothing further back matches. */
const isOver = ({ below, earliest }: Walk, { since }: EventFilter): boolean =>
  below === 0 || (since !== undefined && earliest !== undefined && (parseTime(earliest) ?? since) < since - SET_BACK)

async function stepBack(store: EvidenceStore, walk: Walk, batch: number): Promise<readonly Placed[]> {
  const after = Math.max(0, walk.below - batch)
  const lines = await store.read(walk.shard, after, walk.below - after)
  walk.below = after
  return lines
    .map(({ line }) => JSON.parse(line) as EvidenceEvent)
    .reverse()
    .map((event) => {
      const turn = walk.earliest === undefined || event.at < walk.earliest ? event.at : walk.earliest
      walk.earliest = turn
      return { event, turn }
    })
}

/** In each shard the order of `seq`, whatever the times in it say. */
const byTurn = (a: Placed, b: Placed): number => {
  if (a.turn !== b.turn) return a.turn < b.turn ? -1 : 1
  return a.event.shard - b.event.shard || a.event.seq - b.event.seq
}
