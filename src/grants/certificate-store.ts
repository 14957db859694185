import type { EpochSeconds } from '../runtime/clock.js'
import type { CredentialId, GrantId, Shard, TaskId } from '../runtime/ids.js'

/**
 * An end that took certificates with it. A JWT is dead with its record; a certificate is believed until somebody publishes that
 * it is not. So the step that ends something appends one entry to the feed of its shard, where there are certificates below it:
 * one entry however many they are. Who publishes (`revocation/`) reads the feed and looks up which they are.
 */
export interface CertificateEnd {
  readonly shard: Shard
  /** Grows within a shard, from 1, and is never used again. */
  readonly position: number
  readonly at: EpochSeconds
  readonly what: CertificateEnded
}

export type CertificateEnded =
  { readonly grant: GrantId } | { readonly task: TaskId } | { readonly credential: CredentialId }

/** How long an expired certificate is still found: its entry is on one more CRL after it has expired (RFC 5280 §3.3). */
export const KEPT_AFTER_EXPIRY_SECONDS = 3600

/** A certificate, as it is found by what it was issued under. */
export interface IndexedCertificate {
  readonly id: CredentialId
  /** The authority that signed it: `Authority.id`. */
  readonly authority: string
  readonly expiresAt: EpochSeconds
  /** As in its record: outermost root first. */
  readonly ancestors: readonly CredentialId[]
}

/**
 * What ended with certificates below it. Written by the verbs of other ports, in their atomic steps: `IssuanceStore.record`
 * indexes a certificate; `endCredential`, `TaskStore.end` and `GrantStore.revise` (to an end) append. Something that ends within
 * something that has ended already may be told twice. Grants that time ends are not told: their certificates end before.
 */
export interface CertificateStore {
  /** Ends after the position given of each shard (64 of them), oldest first within a shard; at most `limit` of each shard. */
  endsAfter(positions: readonly number[], limit: number): Promise<readonly CertificateEnd[]>
  /**
   * The certificates that this end took, in no promised order: those of the task, of all tasks of the grant, or the credential
   * itself and what was handed on from it. Those that had expired when it ended are not among them; those that have been
   * expired for `KEPT_AFTER_EXPIRY_SECONDS` may be missing.
   */
  certificatesOf(end: CertificateEnd): Promise<readonly IndexedCertificate[]>
  /** Drops the ends of a shard up to the position given, once all their certificates have expired. */
  forgetEnds(shard: Shard, through: number): Promise<void>
}
