import type { PeopleSource, RoleGroups } from '../people/source.js'
import type { Catalogue, SigningAlg } from '../policy/catalogue.js'
import type { WorkloadSource } from '../workloads/source.js'

/** The configuration, loaded and checked: only `loadConfig` makes it. All times are seconds. */
export interface Settings {
  /** Canonical, without trailing slash. */
  readonly issuer: string
  readonly trustDomain: string
  readonly listen: readonly Listener[]
  readonly store: StoreSettings
  readonly keys: KeySettings
  readonly pki: PkiSettings
  readonly workloads: readonly WorkloadSource[]
  readonly people: readonly PeopleSource[]
  readonly roles: RoleGroups
  readonly catalogue: Catalogue
  readonly limits: Limits
  /** Absolute. For files that Errand makes itself; it may not be there yet. */
  readonly dataDirectory: string
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
}

export type Service = 'api' | 'mtls' | 'pki' | 'metrics'

export interface Listener {
  readonly host: string
  readonly port: number
  readonly serve: readonly Service[]
  /** Absolute paths, which were readable when the configuration was loaded. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string }
  readonly behindProxy: boolean
  /** Addresses and ranges whose `X-Forwarded-For`, and with `mtls` whose `Client-Cert`, is believed. */
  readonly trustedProxies: readonly string[]
  /** With `mtls`: `https://host:port` where clients reach it. Absent where nobody can say, on a port that is not chosen yet. */
  readonly mtlsOrigin?: string
}

export type StoreSettings = EmbeddedStoreSettings | RedisStoreSettings

export interface EmbeddedStoreSettings {
  readonly kind: 'embedded'
  /** Absolute; it may not be there yet. */
  readonly directory: string
}

export interface RedisStoreSettings {
  readonly kind: 'redis'
  /** As configured: it holds no password, and may be shown. */
  readonly url: string
  /** The URL to connect to, with the password: a function, so that no log or dump shows what it gives. */
  readonly connectionUrl: () => string
  readonly durability: 'strict' | 'relaxed' | 'trusted'
  /** How many replicas each acknowledged write waits for. */
  readonly replicas: number
}

export interface KeySettings {
  readonly signingAlg: SigningAlg
  readonly rotateEvery: number
  /** Absolute. Absent with the embedded store only: then the key file is made in `dataDirectory`. */
  readonly encryptionKeyFile?: string
}

export interface PkiSettings {
  /** Without a slash at its end. Absent: certificates name no place for what is said of them. */
  readonly url?: string
  readonly rotateEvery: number
  /** Absolute paths of certificate chain and key, which were readable and belong together. */
  readonly given?: { readonly certFile: string; readonly keyFile: string }
  /** Absolute. */
  readonly rootCrlFile?: string
}

export interface Limits {
  readonly bodyBytes: number
  readonly pendingPerWorkload: number
  readonly pendingPerGroup: number
  readonly pendingPerPerson: number
  readonly requestsPerMinute: { readonly workload: number; readonly address: number }
  /** After a denial. */
  readonly coolDown: number
  readonly pollInterval: number
  readonly lease: number
}
