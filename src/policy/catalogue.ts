import type { Binding, CredentialType, RequiredReview } from '../grants/grant.js'
import type { NamePatterns } from './certificate-names.js'

/** What can be asked for, and under which conditions: resources, their scopes and details, and tiers. Made by `config/`, immutable. */
export interface Catalogue {
  readonly resources: ReadonlyMap<string, Resource>
  readonly tiers: ReadonlyMap<string, Tier>
  /** SHA-256 over the JCS of everything here that decides: stands in each evidence event. */
  readonly digest: string
}

export interface Resource {
  /** As configured; the `aud` of what is issued. */
  readonly audience: string
  readonly scopes: ReadonlyMap<string, Guard>
  readonly details: ReadonlyMap<string, Guard & { readonly check: DetailCheck }>
  /** Sorted, without repeats. */
  readonly credentials: readonly CredentialType[]
  /** Names in certificates; none where it is absent. */
  readonly certificateNames?: NamePatterns
  readonly signingAlg: SigningAlg
  readonly clients: readonly ResourceClient[]
}

/** `undefined`: valid; otherwise what is wrong, for the log. */
export type DetailCheck = (detail: unknown) => string | undefined

export interface Guard {
  readonly tier: Tier
  /** Rules that permit without a person; only where the tier's approval is `policy`. */
  readonly allow: readonly AllowRule[]
}

export interface AllowRule {
  /** `<audience's position>.<scope>.<n>`-like name that is stable and readable in evidence. */
  readonly id: string
  readonly issuer: string
  /** A pattern; `*` where the configuration names none. A rule reads like a delegate, and matches like one. */
  readonly subject: string
  readonly claims: Readonly<Record<string, string>>
}

export type SigningAlg = 'ES256' | 'RS256' | 'PS256' | 'EdDSA'

export interface Tier {
  readonly name: string
  /** `policy`, or the reviews that it needs: never empty, counts at least 1. */
  readonly approval: 'policy' | readonly RequiredReview[]
  readonly signed: boolean
  readonly separation: 'strict' | 'best_effort'
  readonly binding: Binding
  readonly maxTtl: number
  /** The maximum age of a reviewer's `auth_time`, seconds. */
  readonly fresh: number
  readonly decideWithin: number
  /** The longest `duration_seconds`. */
  readonly maxWindow: number
  /** The most that a grant may ask for as `delegation.max_depth`; 0: its credentials are never handed on. */
  readonly maxDepth: number
  /** The most that a grant may ask for as `delegation.max_children`. */
  readonly maxChildren: number
}

/** Which certificate is a client's: one of these, in hex; or any from a trusted CA with this entry, `URI:…` or `DNS:…`. */
export type CertificateOfClient = { readonly sha256: readonly string[] } | { readonly subjectAltName: string }

export interface ResourceClient {
  readonly id: string
  readonly audience: string
  readonly auth:
    | {
        readonly method: 'private_key_jwt'
        readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
      }
    | { readonly method: 'client_secret_basic'; readonly secretSha256: string }
    | { readonly method: 'mtls'; readonly certificate: CertificateOfClient }
}
