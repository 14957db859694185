import type { DeferralRecord } from '../../grants/grant-store.js'
import type { GrantId, Shard } from '../../runtime/ids.js'
import { forgetLater, KEPT_AFTER_EXPIRY, place } from './forgetting.js'
import { deferralOfGrantKey } from './grants.js'
import { besideId, idKey, inShard, beginningWith } from './keys.js'
import type { DeferralEntry, Tables } from './tables.js'

export function keepDeferral(tables: Tables, record: DeferralRecord): void {
  const key = besideId(record.grantId, record.hash)
  tables.deferrals.put(key, { record, state: 'open' })
  tables.deferralsOfGrant.put(deferralOfGrantKey(record.grantId, record.hash), true)
  forgetLater(tables, record.expiresAt + KEPT_AFTER_EXPIRY, place(tables.deferrals, key))
}

/** The entry, for its holder only. */
export function heldDeferral(
  { deferrals }: Tables,
  shard: Shard,
  hash: string,
  holder: string,
): DeferralEntry | undefined {
  const entry = deferrals.get(inShard(shard, hash))
  return entry?.record.holder === holder ? entry : undefined
}

export const isOpenFor = ({ deferrals }: Tables, grant: GrantId, hash: string): boolean => {
  const entry = deferrals.get(besideId(grant, hash))
  return entry?.state === 'open' && entry.record.grantId === grant
}

export function settleDeferral(
  { deferrals }: Tables,
  grant: GrantId,
  hash: string,
  state: 'redeemed' | 'cancelled',
): void {
  const entry = deferrals.get(besideId(grant, hash))
  if (entry) deferrals.put(besideId(grant, hash), { ...entry, state })
}

/** Keys in `deferrals` of all codes of a grant. */
export function deferralKeys({ deferralsOfGrant }: Tables, grant: GrantId): string[] {
  const prefix = idKey(grant)
  return [...deferralsOfGrant.scan(beginningWith(prefix))].map(
    ({ key }) => prefix.slice(0, 1) + key.slice(prefix.length),
  )
}

export const openDeferrals = (tables: Tables, grant: GrantId): number =>
  deferralKeys(tables, grant).filter((key) => tables.deferrals.get(key)?.state === 'open').length
