import type { SealedFacts } from './certificate-facts.js'
import type { Whereabouts } from './grant-store.js'

/**
 * What stands beside a credential and a task in the store, for those
 * who read them. Opaque to stores; only our own text.
 */
export interface CredentialDocument {
  /** The SPIFFE id of who acts. */
  readonly workload: string
  readonly audience: string
  /** `holderOf` of the run that it was issued to. */
  readonly holder: string
  /**
   * Where that run is found, for a credential whose key alone says
   * that it comes from it. Absent where there are no run ids.
   */
  readonly where?: Whereabouts
  /** Of a certificate: what it is for. */
  readonly certificate?: SealedFacts
  /** Over all but `certificate`, and its record (`sealed-credential.ts`). */
  readonly mac?: string
}

export interface TaskDocument {
  /** The SPIFFE id of the root workload. */
  readonly workload: string
  /** `task`, or empty. */
  readonly task: string
  readonly sealed: Readonly<Record<string, string>>
  /** `holderOf` of the run that opened it. */
  readonly holder: string
}

export const credentialDocument = (document: CredentialDocument): string => JSON.stringify(document)
export const parseCredentialDocument = (text: string): CredentialDocument => JSON.parse(text) as CredentialDocument
export const taskDocument = (document: TaskDocument): string => JSON.stringify(document)
export const parseTaskDocument = (text: string): TaskDocument => JSON.parse(text) as TaskDocument
