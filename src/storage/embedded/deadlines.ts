import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf } from '../../runtime/ids.js'
import { idKey, numberKey, shardKey } from './keys.js'
import type { Tables } from './tables.js'

/** An entry of `due`. Kinds sort as the prefixes of ids do. */
export const dueKey = (id: string, at: EpochSeconds): string =>
  shardKey(shardOf(id)) + numberKey(at) + id.slice(0, 1) + idKey(id)

/**
 * Moves the deadline of a record: `from` is what the record said so
 * far, `to` what it says from now on (undefined: none).
 */
export function moveDeadline(
  { due, leases }: Tables,
  id: string,
  from: EpochSeconds | undefined,
  to: EpochSeconds | undefined,
): void {
  // Whoever swept a record that is gone knows where its entry stands.
  const at = leases.get(id)?.at ?? from
  leases.end(id)
  if (at !== undefined && at !== to) due.remove(dueKey(id, at))
  if (to !== undefined) due.put(dueKey(id, to), true)
}

/** Whether the deadline that a record speaks of still stands, in hand or not. */
export const hasDeadline = ({ due }: Tables, id: string, from: EpochSeconds): boolean => due.has(dueKey(id, from))
