import type { EpochSeconds } from '../runtime/clock.js'
import type { Shard } from '../runtime/ids.js'

/** How often one assertion may be used (contract §3). */
export type Reuse = 'once' | 'task' | 'until_expiry'

/**
 * A workload that has proved who it is. Only `workloads/` makes one, and only from a verified assertion or certificate.
 */
export interface Workload {
  /** The name of its entry under `workloads` in the configuration. */
  readonly source: string
  /** What kind of issuer it is (`PresetName`), where one says what its claims mean: provenance is read by it. */
  readonly preset?: string
  readonly issuer: string
  /** `sub` of the assertion, as it came. */
  readonly subject: string
  /** `sub` of what Errand issues: `spiffe://<trust_domain>/<source>/<anchor and stable segments>`, at most 127 bytes (contract §2). */
  readonly spiffeId: string
  /** The one immutable claim of the preset; every delegate states it exactly. */
  readonly anchor: { readonly claim: string; readonly value: string }
  /** The ids of this very run, by claim name; empty where the source has none (then `task` must be sent). */
  readonly sealed: Readonly<Record<string, string>>
  /** Which person started the run, as the source names them; `unknown` when it names somebody, but not for this run (a GitHub re-run); absent when the source names nobody. */
  readonly startedBy?: { readonly id: string } | 'unknown'
  /** All verified claims. Plain JSON, read with own-property checks only. */
  readonly claims: Readonly<Record<string, unknown>>
  /** The claims that a delegate derived from this assertion states, the anchor among them; values as strings. */
  readonly delegateClaims: Readonly<Record<string, string>>
  /** What the source says of the job, for people to read. Never decided on. */
  readonly description: string
  /** A link to the run, for people to read, where the source gives one. */
  readonly reference?: string
  /** The group that owns this source (`owner` in the configuration). */
  readonly owner: string
  readonly shard: Shard
  readonly assertion: PresentedAssertion
}

/** Who is counted by the limit of a workload: one that proved itself, or one known by its credential alone. */
export type RateLimited = Pick<Workload, 'spiffeId'> & Partial<Pick<Workload, 'source' | 'anchor'>>

/**
 * What the limit of a workload counts by: its source and anchor, not its whole SPIFFE id, whose further segments (an
 * environment) a pipeline may name at will. The name of a source has no space in it.
 */
export const limitKeyOf = ({ spiffeId, source, anchor }: RateLimited): string =>
  source !== undefined && anchor !== undefined ? `${source} ${anchor.value}` : spiffeId.split('/', 5).join('/')

export interface PresentedAssertion {
  /** Identifies the assertion, whichever role or instance it is shown in: hash of (issuer, `jti`), or of the decoded header and payload where there is no `jti`. */
  readonly key: string
  readonly expiresAt: EpochSeconds
  readonly reuse: Reuse
}
