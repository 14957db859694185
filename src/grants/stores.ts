import type { EvidenceStore } from '../evidence/evidence-store.js'
import type { KeyStore } from '../issuance/key-store.js'
import type { CertificateStore } from './certificate-store.js'
import type { DeadlineStore } from './deadline-store.js'
import type { DeferralStore } from './deferral-store.js'
import type { GrantStore } from './grant-store.js'
import type { IssuanceStore } from './issuance-store.js'
import type { TaskStore } from './task-store.js'

/** What an adapter brings: every port on one store. Any verb may throw `Fault('store_unavailable')`; then nothing is known of what it did. */
export interface Stores {
  readonly grants: GrantStore
  readonly deferrals: DeferralStore
  readonly issuance: IssuanceStore
  readonly tasks: TaskStore
  readonly deadlines: DeadlineStore
  readonly certificates: CertificateStore
  readonly evidence: EvidenceStore
  /** The key ring. */
  readonly keys: KeyStore
  /** The certificate authorities. */
  readonly authorities: KeyStore
  /** Answers when the store can be written to; `clockSkewSeconds` where the store has a clock of its own. */
  ready(): Promise<{ readonly clockSkewSeconds: number }>
  close(): Promise<void>
}
