import type { GrantList, GrantRecord, GrantStore } from '../../grants/grant-store.js'
import { SHARDS, type Shard } from '../../runtime/ids.js'
import type { Commands } from './commands.js'
import { anchorMark, listKey, pendingKey } from './keys.js'
import { formatCursor, parseCursor, type Cursor } from './list-cursor.js'
import { listOf, textOf } from './replies.js'
import { grantsIn, statusLetter } from './rows.js'
import { loadScript } from './script.js'

const LIST = loadScript('list-grants')

/** How many grants one call looks at: Redis serves one call at a time, and ten milliseconds are too long. */
const BATCH = 200
/** How many shards are asked at once: most of them have little to say. */
const SHARDS_AT_ONCE = 16
/**
 * After so many rounds (2,000 grants of one shard) a listing that finds little hands back its cursor: no caller has Redis
 * look through a million for one answer.
 */
const ROUNDS = 10

type Filter = Parameters<GrantStore['list']>[0]

interface Page {
  readonly shard: Shard
  readonly records: readonly GrantRecord[]
  /** Absent: nothing is left in this shard. */
  readonly after?: number
}

/** Shard after shard; in each, grants keep the place that they got when they were made. */
export async function listGrants(
  commands: Commands,
  filter: Filter,
  from: string | undefined,
  limit: number,
): Promise<GrantList> {
  const lastShard = filter.anchor?.shard ?? SHARDS - 1
  const records: GrantRecord[] = []
  let at: Cursor | undefined = parseCursor(from) ?? { shard: filter.anchor?.shard ?? 0, after: 0 }
  for (let round = 0; at !== undefined && round < ROUNDS && records.length < limit; round += 1) {
    for (const page of await nextPages(commands, filter, at, lastShard, Math.min(limit - records.length, BATCH))) {
      // What does not fit is asked for again, with a smaller limit.
      if (records.length + page.records.length > limit) break
      records.push(...page.records)
      at = cursorAfter(page, lastShard)
      if (page.after !== undefined) break
    }
  }
  return { records, ...(at === undefined ? {} : { next: formatCursor(at) }) }
}

function cursorAfter({ shard, after }: Page, lastShard: Shard): Cursor | undefined {
  if (after !== undefined) return { shard, after }
  return shard < lastShard ? { shard: shard + 1, after: 0 } : undefined
}

function nextPages(commands: Commands, filter: Filter, at: Cursor, last: Shard, count: number): Promise<Page[]> {
  const many = Math.min(SHARDS_AT_ONCE, last - at.shard + 1)
  const cursors = Array.from({ length: many }, (_, step) => ({
    shard: at.shard + step,
    after: step === 0 ? at.after : 0,
  }))
  return Promise.all(cursors.map((cursor) => readPage(commands, filter, cursor, count)))
}

async function readPage(commands: Commands, filter: Filter, { shard, after }: Cursor, count: number): Promise<Page> {
  const { status, anchor } = filter
  const pending = status === 'pending'
  const reply = await commands.look(
    LIST,
    [pending ? pendingKey(shard) : listKey(shard)],
    [
      pending ? 'pending' : 'all',
      after,
      count,
      status === undefined ? '' : statusLetter(status),
      anchor === undefined ? '' : anchorMark(anchor.key),
    ],
  )
  const [last, ...rows] = listOf(reply)
  const place = textOf(last)
  return { shard, records: grantsIn(shard, rows), ...(place === '' ? {} : { after: Number(place) }) }
}
