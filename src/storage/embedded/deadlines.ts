import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf } from '../../runtime/ids.js'
import { idKey, numberKey, shardKey } from './keys.js'
import type { Tables } from './tables.js'

/** An entry of `due`. Kinds sort as the prefixes of ids do. */
export const dueKey = (id: string, at: EpochSeconds): string =>
  shardKey(shardOf(id)) + numberKey(at) + id.slice(0, 1) + idKey(id)

/**
 * Moves the deadline of a record: `from` is what the record said so far, `to` what it says from now on (undefined: none).
 * An entry that was handed out stands at another time, which is given up.
 */
export function moveDeadline(
  tables: Tables,
  id: string,
  from: EpochSeconds | undefined,
  to: EpochSeconds | undefined,
): void {
  const { due, handedOut } = tables
  const until = handedOut.get(idKey(id))
  if (until !== undefined) handedOut.remove(idKey(id))
  const at = until ?? from
  if (at !== undefined && at !== to) due.remove(dueKey(id, at))
  if (to !== undefined) due.put(dueKey(id, to), true)
}

/** Whether the deadline that a record speaks of still stands, handed out or not. */
export const hasDeadline = ({ due, handedOut }: Tables, id: string, from: EpochSeconds): boolean =>
  due.has(dueKey(id, handedOut.get(idKey(id)) ?? from))

/** The entry stays, and comes up again at `until` unless its record says something else before. */
export function handOut(tables: Tables, id: string, from: EpochSeconds, until: EpochSeconds): void {
  tables.due.remove(dueKey(id, from))
  tables.due.put(dueKey(id, until), true)
  tables.handedOut.put(idKey(id), until)
}
