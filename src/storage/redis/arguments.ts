import type { EncodedEvent } from '../../evidence/event.js'
import type { Claim, GrantRecord, GrantRevision } from '../../grants/grant-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf, type Shard } from '../../runtime/ids.js'
import type { Argument } from './commands.js'
import { restingDocument } from './document.js'
import {
  claimKey,
  coolDownKey,
  countersKey,
  deadlinesKey,
  grantKey,
  joinKey,
  pendingCountKey,
  pendingKey,
  runKey,
  standingKey,
} from './keys.js'
import { grantHead } from './rows.js'
import { claimTtl, coolDownTtl } from './ttl.js'

/** The parts of arguments that several scripts share. */
export function eventArguments(shard: Shard, events: readonly EncodedEvent[]): [count: number, lines: string] {
  let lines = ''
  for (const event of events) {
    if (event.shard !== shard) throw new TypeError('the events of a step belong to its shard')
    lines += `${event.before}\n${event.after}\n`
  }
  return [events.length, lines]
}

export const claimKeys = (shard: Shard, claims: readonly Claim[]): string[] =>
  claims.map(({ key }) => claimKey(shard, key))

export const claimArguments = (claims: readonly Claim[], now: EpochSeconds): Argument[] =>
  claims.flatMap(({ binding, until }) => [binding, claimTtl(until, now)])

export const indexKey = ({ id, index }: GrantRecord): string =>
  'run' in index ? runKey(shardOf(id), index.run) : standingKey(shardOf(id), index.anchor)

/** What `shared/revision.lua` works on, in the order of `revise-grant`; `end-task` has other keys between. */
export function revisionKeys(revision: GrantRevision): {
  readonly grant: string
  readonly index: string
  readonly deadlines: string
  readonly counters: string
  readonly pending: string
  readonly pendingCount: string
  readonly optional: readonly string[]
} {
  const { record, anchorKey, joinKey: join, coolDown } = revision
  const shard = shardOf(record.id)
  return {
    grant: grantKey(record.id),
    index: indexKey(record),
    deadlines: deadlinesKey(shard),
    counters: countersKey(shard),
    pending: pendingKey(shard),
    pendingCount: pendingCountKey(shard, anchorKey),
    optional: [
      ...(join === undefined ? [] : [joinKey(shard, join)]),
      ...(coolDown === undefined ? [] : [coolDownKey(shard, coolDown.joinKey)]),
    ],
  }
}

/** Version, head, document, join key or not, cool-down and its TTL. */
export function revisionArguments({ record, from, joinKey: join, coolDown, at }: GrantRevision): Argument[] {
  return [
    from,
    grantHead(record),
    restingDocument(record),
    join === undefined ? 0 : 1,
    coolDown?.until ?? '',
    coolDown === undefined ? '' : coolDownTtl(coolDown.until, at),
  ]
}
