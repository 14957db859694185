import type { EpochSeconds } from '../runtime/clock.js'
import type { CredentialId, GrantId, Shard, TaskId } from '../runtime/ids.js'

/** Something whose time has come. What to do is decided by its record, never by this entry. */
export type Due =
  | { readonly kind: 'grant'; readonly id: GrantId }
  | { readonly kind: 'task'; readonly id: TaskId }
  /** A credential that was recorded and never confirmed as sent. */
  | { readonly kind: 'credential'; readonly id: CredentialId }

export interface DeadlineStore {
  /** Hands out what was due before `now`, oldest first: each to one caller, who has `leaseSeconds` to deal with it before it is handed out again. */
  takeDue(shard: Shard, now: EpochSeconds, leaseSeconds: number, limit: number): Promise<readonly Due[]>
  /** Drops entries whose record is gone or needs nothing. The verbs that end or revise a record keep its deadline themselves. */
  drop(shard: Shard, due: readonly Due[]): Promise<void>
  /** How far behind the oldest deadline of any shard is, seconds; 0 when nothing is due. And how many grants are kept as active. */
  lag(now: EpochSeconds): Promise<{ readonly seconds: number; readonly liveGrants: number }>
}
