import type { Claim } from '../../grants/grant-store.js'
import type { EpochSeconds } from '../../runtime/clock.js'
import { moveDeadline } from './deadlines.js'
import { idKey, numberKey, textKey } from './keys.js'
import type { Tables } from './tables.js'

/** An expired credential or code is kept so much longer, so that a late question gets a full answer. */
export const KEPT_AFTER_EXPIRY = 86_400

/**
 * A claim is remembered so much longer than it has to be: requests take their claims some time after they were
 * verified, the second in which something ends may still count, and a clock may be set back.
 */
const CLAIM_KEPT_LONGER = 60

/** When a claim may be forgotten. */
export const claimForgottenAt = ({ until }: Pick<Claim, 'until'>): EpochSeconds => until + CLAIM_KEPT_LONGER

/** Forgotten in one step, so that none takes long. */
const BATCH = 500

/** What is not needed after `at` goes some time later; its record says then whether it may. */
export function forgetLater(
  { forgettable }: Tables,
  at: EpochSeconds,
  first: string,
  ...others: readonly string[]
): void {
  forgettable.put(numberKey(at) + first, others)
}

/** What `forgetLater` takes. */
export const place = ({ letter }: { readonly letter: string }, key: string): string => letter + key

/** Forgets a batch of what may be forgotten by `now`. */
export function forgetSome(tables: Tables, now: EpochSeconds): void {
  const entries: { readonly key: string; readonly value: readonly string[] }[] = []
  for (const entry of tables.forgettable.scan({ start: '', end: numberKey(now + 1) })) {
    if (entries.push(entry) === BATCH) break
  }
  for (const { key, value: others } of entries) {
    tables.forgettable.remove(key)
    for (const whole of [key.slice(6), ...others]) forget(tables, whole.charAt(0), whole.slice(1), now)
  }
}

function forget(tables: Tables, letter: string, key: string, now: EpochSeconds): void {
  switch (letter) {
    case tables.claims.letter: {
      const held = tables.claims.get(key)
      const at = held === undefined ? 0 : claimForgottenAt(held)
      if (at > now) forgetLater(tables, at, place(tables.claims, key))
      else tables.claims.remove(key)
      return
    }
    case tables.coolDowns.letter: {
      const until = tables.coolDowns.get(key) ?? 0
      if (until > now) forgetLater(tables, until, place(tables.coolDowns, key))
      else tables.coolDowns.remove(key)
      return
    }
    case tables.credentials.letter: {
      const entry = tables.credentials.get(key)
      if (entry) moveDeadline(tables, entry.record.id, entry.unsentAt, undefined)
      tables.credentials.remove(key)
      tables.certified.remove(key)
      return
    }
    case tables.certificates.letter:
      tables.certificates.remove(key)
      return
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
