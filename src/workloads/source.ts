import type { AttestationRules } from './attestation.js'
import type { Reuse } from './workload.js'

/** One trusted source of assertions, as configured and checked (contract §3, `workloads`). */
export interface WorkloadSource {
  readonly name: string
  readonly preset: PresetName
  readonly issuer: string
  /** Our audiences: an assertion's `aud` must contain one. */
  readonly audiences: readonly string[]
  /** Claim name or JSON Pointer to a glob: all must match. */
  readonly require: Readonly<Record<string, string>>
  readonly owner: string
  readonly reuse: Reuse
  readonly algorithms: readonly string[]
  /** Seconds since `iat` after which an assertion is refused even if `exp` is later; absent: `exp` alone decides. */
  readonly maxAge?: number
  /** Clock leeway for `nbf` and `iat`, seconds; `exp` has none. */
  readonly leeway: number
  readonly keys: KeySource
  /** Where to ask whether the pod of a token still runs (`token-review.ts`); absent: the signature and `exp` decide. */
  readonly tokenReview?: TokenReviewSource
  /** For `spiffe`: whose SVIDs are believed; then `issuer` is `spiffe://` and this. */
  readonly trustDomain?: string
  /** For `attestation`: whose certificates are believed, in place of keys that are fetched. */
  readonly attestation?: AttestationRules
  /** What the preset leaves open; for `generic`, all of it. */
  readonly mapping: ClaimMapping
}

export type PresetName =
  | 'github-actions'
  | 'gitlab-ci'
  | 'circleci'
  | 'buildkite'
  | 'bitbucket-pipelines'
  | 'kubernetes'
  | 'google'
  | 'google-compute'
  | 'azure'
  | 'aws'
  | 'spiffe'
  | 'attestation'
  | 'generic'

/** Which claims mean what. Names are claim names or JSON Pointers. */
export interface ClaimMapping {
  readonly anchor: string
  /** Claims whose values follow the anchor in the SPIFFE path; stable across runs. */
  readonly segments: readonly string[]
  readonly sealed: readonly string[]
  /** The claim that names who started the run, where there is one. */
  readonly startedBy?: string
  /** Claims that a derived delegate states besides the anchor. */
  readonly delegate: readonly string[]
}

/** The Kubernetes API server, and how it is asked. */
export interface TokenReviewSource {
  readonly url: string
  /** PEM of a private CA. */
  readonly ca?: string
  /** A file with our own token, read at each review. */
  readonly tokenFile: string
}

/** Where the issuer's keys come from. */
export interface KeySource {
  /** Absent: OIDC discovery below the issuer. */
  readonly jwksUri?: string
  /** PEM of a private CA for the fetches. */
  readonly ca?: string
  /** A file with a bearer token for the fetches, read at each one (projected tokens rotate). */
  readonly tokenFile?: string
  /** In place of a JWK Set: the bundle of a trust domain. */
  readonly bundle?: BundleSource
}

/** Where the bundle of a trust domain comes from (SPIFFE Federation §5.2): a file, or an endpoint. */
export interface BundleSource {
  /** Absent: the file alone, read anew each minute. */
  readonly uri?: string
  /** PEM of the CA of the endpoint, where it is a private one. */
  readonly ca?: string
  /** The id of the endpoint itself (profile `https_spiffe`): then it is known by the last bundle, and at first by the file. */
  readonly endpointId?: string
  /** Absolute. */
  readonly file?: string
}
