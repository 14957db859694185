import type { BoundedFetch, FetchOptions, FetchRefusal, FetchedBody } from '../runtime/bounded-fetch.js'
import { isFetchable, isLoopback } from '../runtime/bounded-fetch.js'
import type { Clock } from '../runtime/clock.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { ParsedCertificate } from '../x509/certificate.js'
import type { VerificationKey } from './key-set.js'
import { parseKeySet } from './key-set.js'
import { fetchSpiffeBundle, KEY_FETCH, type FetchedKeys } from './fetch-spiffe-bundle.js'
import type { KeySource } from './source.js'
import { parseStrictObject } from './strict-json.js'
import { readTokenFile } from './token-file.js'

/**
 * The keys of the issuers that are trusted, held so that an exchange hardly ever waits for one of them and an outage of an
 * issuer is not an outage of ours:
 * - refreshed in the background, after `max-age` of the answer, but within 1 and 10 minutes;
 * - served for up to an hour after the last good fetch while the issuer does not answer: a key that an issuer withdraws is
 *   believed for at most 10 minutes, or an hour if the issuer is down too; after that nothing of it is believed;
 * - one fetch at a time for each issuer; after a failure the next waits 1, 2, 4 … up to 60 seconds;
 * - an unknown `kid` fetches at most every 30 seconds, so strangers cannot make us hammer an issuer.
 */
export interface IssuerKeys {
  /** The key that should have signed this; never rejects. */
  find(source: KeyedIssuer, alg: string, kid: string | undefined): Promise<Result<VerificationKey, KeyRefusal>>
  /** The authorities of its X.509-SVIDs, where it is a trust domain; none elsewhere. Never rejects. */
  roots(source: KeyedIssuer): Promise<Result<readonly ParsedCertificate[], 'issuer_unavailable'>>
  /** Fetches what is due, for issuers that were registered or asked about. Called now and then, so that idle issuers stay fresh too. */
  refreshDue(): Promise<void>
  /** Seconds since the last good fetch, for each issuer that has had one: the metric of JWKS age. */
  ages(): readonly { readonly issuer: string; readonly seconds: number }[]
}

export interface KeyedIssuer {
  readonly issuer: string
  readonly keys: KeySource
}

export type KeyRefusal =
  /** The issuer's keys are at hand, and none of them is meant. */
  | 'key_unknown'
  /** They are not at hand, or a newer set could not be had: nothing can be said. */
  | 'issuer_unavailable'

export interface IssuerKeysDeps {
  readonly fetch: BoundedFetch
  readonly clock: Clock
  /** Issuers to be fetched by `refreshDue` before anybody asks. */
  readonly issuers?: readonly KeyedIssuer[]
  readonly onFetched?: (issuer: string, keys: { readonly usable: number; readonly ignored: number }) => void
  readonly onFetchFailed?: (issuer: string, failure: KeyFetchRefusal) => void
}

export type KeyFetchRefusal =
  | FetchRefusal
  | { readonly reason: 'discovery_invalid'; readonly detail: string }
  | { readonly reason: 'key_set_invalid' }
  | { readonly reason: 'token_file_unreadable' }
  | { readonly reason: 'bundle_file_unreadable' }

const SECOND = 1_000
const MIN_FRESH = 60 * SECOND
const MAX_FRESH = 10 * 60 * SECOND
const MAX_STALE = 60 * 60 * SECOND
const UNKNOWN_KID_COOL_DOWN = 30 * SECOND
const MAX_BACK_OFF = 60 * SECOND

export function createIssuerKeys(deps: IssuerKeysDeps): IssuerKeys {
  const holders = new Map<string, Holder>()
  const holderOf = (source: KeyedIssuer): Holder => {
    const name = JSON.stringify([
      source.issuer,
      source.keys.jwksUri,
      source.keys.ca,
      source.keys.tokenFile,
      source.keys.bundle,
    ])
    const known = holders.get(name)
    if (known !== undefined) return known
    const holder = new Holder(source, deps)
    holders.set(name, holder)
    return holder
  }
  // A Map from the source itself spares the hot path the name above.
  const bySource = new WeakMap<KeyedIssuer, Holder>()
  const holderFor = (source: KeyedIssuer): Holder => {
    const holder = bySource.get(source) ?? holderOf(source)
    bySource.set(source, holder)
    return holder
  }
  deps.issuers?.forEach(holderFor)
  return {
    find: (source, alg, kid) => holderFor(source).find(alg, kid),
    roots: (source) => holderFor(source).roots(),
    refreshDue: async () => {
      await Promise.all([...holders.values()].map((holder) => holder.refreshIfDue()))
    },
    ages: () => [...holders.values()].flatMap((holder) => holder.age() ?? []),
  }
}

/** The key set of one issuer and when it was had. */
class Holder {
  private held: (FetchedKeys & { readonly at: number; readonly refreshAt: number }) | undefined
  private failures = 0
  private attemptedAt = Number.NEGATIVE_INFINITY
  private running: Promise<void> | undefined

  constructor(
    private readonly source: KeyedIssuer,
    private readonly deps: IssuerKeysDeps,
  ) {}

  async find(alg: string, kid: string | undefined): Promise<Result<VerificationKey, KeyRefusal>> {
    const held = await this.usableOrFetched()
    if (held === undefined) return refuse('issuer_unavailable')
    const key = held.set.find(alg, kid)
    return key === undefined ? this.findInNewerSet(alg, kid) : ok(key)
  }

  async roots(): Promise<Result<readonly ParsedCertificate[], 'issuer_unavailable'>> {
    const held = await this.usableOrFetched()
    return held === undefined ? refuse('issuer_unavailable') : ok(held.roots)
  }

  private async usableOrFetched(): Promise<FetchedKeys | undefined> {
    if (this.usable() === undefined) await this.fetchUnlessBackingOff()
    else if (this.isDue()) void this.fetchUnlessBackingOff()
    return this.usable()
  }

  /** The issuer may have a new key since the last fetch. */
  private async findInNewerSet(alg: string, kid: string | undefined): Promise<Result<VerificationKey, KeyRefusal>> {
    const heldFor = this.now() - (this.held?.at ?? Number.NEGATIVE_INFINITY)
    if (this.failures === 0 && heldFor < UNKNOWN_KID_COOL_DOWN) return refuse('key_unknown')
    await this.fetchUnlessBackingOff()
    const key = this.usable()?.set.find(alg, kid)
    if (key !== undefined) return ok(key)
    return refuse(this.failures === 0 ? 'key_unknown' : 'issuer_unavailable')
  }

  async refreshIfDue(): Promise<void> {
    if (this.isDue()) await this.fetchUnlessBackingOff()
  }

  age(): { readonly issuer: string; readonly seconds: number } | undefined {
    if (this.held === undefined) return undefined
    return { issuer: this.source.issuer, seconds: Math.floor((this.now() - this.held.at) / SECOND) }
  }

  private now(): number {
    return this.deps.clock.nowMs()
  }

  private usable(): FetchedKeys | undefined {
    return this.held !== undefined && this.now() - this.held.at < MAX_STALE ? this.held : undefined
  }

  private isDue(): boolean {
    return this.held === undefined || this.now() >= this.held.refreshAt
  }

  private fetchUnlessBackingOff(): Promise<void> {
    if (this.running !== undefined) return this.running
    if (this.failures > 0 && this.now() < this.attemptedAt + backOff(this.failures)) return Promise.resolve()
    this.attemptedAt = this.now()
    this.running = this.fetch().finally(() => {
      this.running = undefined
    })
    return this.running
  }

  private async fetch(): Promise<void> {
    const { bundle } = this.source.keys
    const fetched =
      bundle === undefined
        ? await fetchKeySet(this.source, this.deps.fetch)
        : await fetchSpiffeBundle(bundle, this.usable()?.roots, this.deps.fetch)
    if (!fetched.ok) {
      this.failures++
      this.deps.onFetchFailed?.(this.source.issuer, fetched.refusal)
      return
    }
    const { set, roots, maxAge } = fetched.value
    const at = this.now()
    const fresh = Math.min(Math.max((maxAge ?? Infinity) * SECOND, MIN_FRESH), MAX_FRESH)
    this.failures = 0
    this.held = { set, roots, maxAge, at, refreshAt: at + fresh }
    this.deps.onFetched?.(this.source.issuer, { usable: set.size, ignored: set.ignored })
  }
}

const backOff = (failures: number): number => Math.min(SECOND * 2 ** (failures - 1), MAX_BACK_OFF)

async function fetchKeySet(source: KeyedIssuer, fetch: BoundedFetch): Promise<Result<FetchedKeys, KeyFetchRefusal>> {
  const { tokenFile } = source.keys
  const bearer = tokenFile === undefined ? undefined : await readTokenFile(tokenFile)
  if (tokenFile !== undefined && bearer === undefined) return refuse({ reason: 'token_file_unreadable' })
  const get = (url: string): Promise<Result<FetchedBody, FetchRefusal>> => fetch(url, fetchOptions(source, url, bearer))
  const uri = source.keys.jwksUri === undefined ? await discover(source.issuer, get) : ok(source.keys.jwksUri)
  if (!uri.ok) return uri
  const fetched = await get(uri.value)
  if (!fetched.ok) return fetched
  const set = parseKeySet(parseStrictObject(fetched.value.body))
  // A set without a usable key is still the issuer's word: it withdraws the keys of the last one.
  if (set === undefined) return refuse({ reason: 'key_set_invalid' })
  return ok({ set, roots: [], maxAge: fetched.value.maxAge })
}

/** OpenID Connect Discovery 1.0 §4: the document lies below the issuer, and names it. */
async function discover(
  issuer: string,
  get: (url: string) => Promise<Result<FetchedBody, FetchRefusal>>,
): Promise<Result<string, KeyFetchRefusal>> {
  const fetched = await get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (!fetched.ok) return fetched
  const document = parseStrictObject(fetched.value.body)
  if (document === undefined) return refuse({ reason: 'discovery_invalid', detail: 'not a JSON object' })
  if (document['issuer'] !== issuer) return refuse({ reason: 'discovery_invalid', detail: 'names another issuer' })
  const uri = document['jwks_uri']
  if (typeof uri !== 'string' || !isFetchable(uri))
    return refuse({ reason: 'discovery_invalid', detail: 'has no jwks_uri that may be fetched' })
  // Only an issuer on this machine may send us to this machine.
  if (new URL(uri).protocol === 'http:' && !isLoopback(new URL(issuer).hostname))
    return refuse({ reason: 'discovery_invalid', detail: 'has a jwks_uri without https' })
  return ok(uri)
}

function fetchOptions(source: KeyedIssuer, url: string, bearer: string | undefined): FetchOptions {
  const { ca, jwksUri } = source.keys
  const home = new URL(jwksUri ?? source.issuer).host
  // The token is for the issuer. Elsewhere it goes only to a server that proves itself by the issuer's private CA.
  const trusted = bearer !== undefined && (new URL(url).host === home || ca !== undefined)
  return {
    ...KEY_FETCH,
    accept: 'application/json, application/jwk-set+json',
    ...(ca === undefined ? {} : { ca }),
    ...(trusted ? { bearer } : {}),
  }
}
