import type { EpochSeconds } from '../../runtime/clock.js'
import { idKey, numberKey, textKey } from './keys.js'
import { moveDeadline } from './deadlines.js'
import type { Table } from './table.js'
import type { Tables } from './tables.js'

/** An expired credential or code is kept so much longer, so that a late question gets a full answer. */
export const KEPT_AFTER_EXPIRY = 86_400

/** Forgotten in one step, so that none takes long. */
const BATCH = 500

/** What is not needed after `at` goes some time later; its record says then whether it may. */
export function forgetLater(
  { forgettable }: Tables,
  at: EpochSeconds,
  table: Pick<Table<never>, 'letter'>,
  key: string,
): void {
  forgettable.put(numberKey(at) + table.letter + key, true)
}

/** Forgets a batch of what may be forgotten by `now`. */
export function forgetSome(tables: Tables, now: EpochSeconds): void {
  const entries: string[] = []
  for (const { key } of tables.forgettable.scan({ start: '', end: numberKey(now + 1) })) {
    if (entries.push(key) === BATCH) break
  }
  for (const entry of entries) {
    tables.forgettable.remove(entry)
    forget(tables, entry.slice(6, 7), entry.slice(7), now)
  }
}

function forget(tables: Tables, letter: string, key: string, now: EpochSeconds): void {
  switch (letter) {
    case tables.claims.letter: {
      const until = tables.claims.get(key)?.until ?? 0
      if (until > now) forgetLater(tables, until, tables.claims, key)
      else tables.claims.remove(key)
      return
    }
    case tables.coolDowns.letter: {
      const until = tables.coolDowns.get(key) ?? 0
      if (until > now) forgetLater(tables, until, tables.coolDowns, key)
      else tables.coolDowns.remove(key)
      return
    }
    case tables.credentials.letter: {
      const entry = tables.credentials.get(key)
      if (entry) moveDeadline(tables, entry.record.id, entry.unsentAt, undefined)
      tables.credentials.remove(key)
      return
    }
    case tables.deferrals.letter: {
      const entry = tables.deferrals.get(key)
      if (entry) tables.deferralsOfGrant.remove(idKey(entry.record.grantId) + textKey(entry.record.hash))
      tables.deferrals.remove(key)
      return
    }
    default:
      return
  }
}
