import type { EncodedEvent } from '../evidence/event.js'
import type { GrantId, Shard } from '../runtime/ids.js'
import type { Claim, DeferralRecord, GrantRecord } from './grant-store.js'

export type Polled =
  /** No such code, or not this holder's: the two are not told apart. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too_fast' }
  | { readonly kind: 'redeemed' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'open'; readonly deferral: DeferralRecord; readonly grant: GrantRecord }

export interface DeferralStore {
  /**
   * Adds a code to a pending grant, and takes the claims, all or nothing. `closed`: the grant is
   * pending no more. `full`: it has as many open codes as it may.
   */
  join(
    deferral: DeferralRecord,
    claims: readonly Claim[],
    events: readonly EncodedEvent[],
    mostCodes: number,
  ): Promise<'joined' | 'closed' | 'claim_taken' | 'full'>
  /**
   * Looks a code up for its holder and notes the time of the poll: one that comes before `interval` has passed is
   * `too_fast`, and lengthens the interval by 5 s (RFC 8628 §3.5). Anyone else's look changes nothing.
   */
  poll(shard: Shard, hash: string, holder: string, nowMs: number): Promise<Polled>
  /**
   * Whose grant a code stands for, whatever has become of it; it never changes. `undefined`: as `unknown` of a poll.
   */
  grantOf(shard: Shard, hash: string, holder: string): Promise<GrantId | undefined>
  /** The code will never be redeemed. `others` says how many open codes its grant still has. */
  cancel(
    shard: Shard,
    hash: string,
    holder: string,
    events: readonly EncodedEvent[],
  ): Promise<
    { readonly kind: 'unknown' } | { readonly kind: 'cancelled'; readonly grant: GrantRecord; readonly others: number }
  >
}
