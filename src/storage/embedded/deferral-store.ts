import type { EncodedEvent } from '../../evidence/event.js'
import type { DeferralStore, Polled } from '../../grants/deferral-store.js'
import type { Claim, DeferralRecord } from '../../grants/grant-store.js'
import { type GrantId, type Shard, shardOf } from '../../runtime/ids.js'
import { isTaken, takeAll } from './claims.js'
import type { Database } from './database.js'
import { heldDeferral, keepDeferral, openDeferrals, settleDeferral } from './deferrals.js'
import { appendEvents } from './events.js'
import { idKey, inShard } from './keys.js'
import type { Tables } from './tables.js'

/** RFC 8628 §3.5: `slow_down` lengthens the interval by so many seconds. */
const SLOWER_BY = 5

export class EmbeddedDeferralStore implements DeferralStore {
  constructor(
    readonly database: Database,
    readonly tables: Tables,
  ) {}

  join(
    deferral: DeferralRecord,
    claims: readonly Claim[],
    events: readonly EncodedEvent[],
    mostCodes: number,
  ): Promise<'joined' | 'closed' | 'claim_taken' | 'full'> {
    return this.database.step(() => {
      const { tables } = this
      const shard = shardOf(deferral.grantId)
      if (claims.some((claim) => isTaken(tables, shard, claim))) return 'claim_taken'
      if (tables.grants.get(idKey(deferral.grantId))?.record.status !== 'pending') return 'closed'
      if (openDeferrals(tables, deferral.grantId) >= mostCodes) return 'full'
      takeAll(tables, shard, claims)
      keepDeferral(tables, deferral)
      appendEvents(tables, events)
      return 'joined'
    })
  }

  poll(shard: Shard, hash: string, holder: string, nowMs: number): Promise<Polled> {
    return this.database.step(() => poll(this.tables, shard, hash, holder, nowMs))
  }

  grantOf(shard: Shard, hash: string, holder: string): Promise<GrantId | undefined> {
    return this.database.look(() => heldDeferral(this.tables, shard, hash, holder)?.record.grantId)
  }

  cancel(
    shard: Shard,
    hash: string,
    holder: string,
    events: readonly EncodedEvent[],
  ): ReturnType<DeferralStore['cancel']> {
    return this.database.step(() => cancel(this.tables, shard, hash, holder, events))
  }
}

function poll(tables: Tables, shard: Shard, hash: string, holder: string, nowMs: number): Polled {
  const entry = heldDeferral(tables, shard, hash, holder)
  const grant = entry && tables.grants.get(idKey(entry.record.grantId))?.record
  if (!grant) return { kind: 'unknown' }
  if (entry.state !== 'open') return { kind: entry.state }
  const { interval } = entry.record
  const tooFast = entry.polledAtMs !== undefined && nowMs - entry.polledAtMs < interval * 1000
  const deferral = tooFast ? { ...entry.record, interval: interval + SLOWER_BY } : entry.record
  tables.deferrals.put(inShard(shard, hash), { ...entry, record: deferral, polledAtMs: nowMs })
  return tooFast ? { kind: 'too_fast' } : { kind: 'open', deferral, grant }
}

function cancel(
  tables: Tables,
  shard: Shard,
  hash: string,
  holder: string,
  events: readonly EncodedEvent[],
): Awaited<ReturnType<DeferralStore['cancel']>> {
  const entry = heldDeferral(tables, shard, hash, holder)
  const grant = entry && tables.grants.get(idKey(entry.record.grantId))?.record
  if (!grant || entry.state === 'redeemed') return { kind: 'unknown' }
  if (entry.state === 'open') {
    settleDeferral(tables, grant.id, hash, 'cancelled')
    appendEvents(tables, events)
  }
  return { kind: 'cancelled', grant, others: openDeferrals(tables, grant.id) }
}
