import type { Clock } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import type { Shard } from '../runtime/ids.js'
import { shardOfWorkload } from '../runtime/ids.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { CheckedClaims, ClaimRules, ClaimsRefusal } from './check-claims.js'
import { checkClaims } from './check-claims.js'
import type { Claims } from './claims.js'
import { claimText, pick, pickText } from './claims.js'
import type { Conditions } from './conditions.js'
import { compileConditions } from './conditions.js'
import type { IssuerKeys } from './issuer-keys.js'
import type { ParsedJws } from './jws.js'
import { parseJws } from './jws.js'
import type { Preset } from './presets/preset.js'
import { PRESETS } from './presets.js'
import type { ClaimMapping, WorkloadSource } from './source.js'
import type { SignatureMemory } from './signature-memory.js'
import { createSignatureMemory } from './signature-memory.js'
import { spiffeId, spiffePrefix, spiffePrefixFits } from './spiffe-id.js'
import type { ReviewToken } from './token-review.js'
import type { PresentedAssertion, Workload } from './workload.js'

/*
 * workloads/ owns who is asking: which issuers are believed (source.ts, presets/), how their keys are had (issuer-keys.ts),
 * how an assertion becomes a Workload (this file), and what patterns say of one (delegate.ts, conditions.ts).
 *
 * An assertion is read strictly (jws.ts), then its issuer looked up, then everything that costs nothing is checked, then
 * the signature, and only then is anything concluded from its claims. Nothing is stored here and nothing is spent.
 */

/** Why an assertion is not believed. The caller learns none of this, the log and the evidence do. */
export type AssertionRefusal =
  | { readonly reason: 'assertion_malformed'; readonly detail: string }
  | { readonly reason: 'assertion_issuer_unknown'; readonly issuer: string }
  | { readonly reason: 'assertion_issuer_unavailable'; readonly issuer: string }
  | { readonly reason: 'assertion_key_unknown'; readonly issuer: string }
  | { readonly reason: 'assertion_algorithm_not_allowed'; readonly issuer: string; readonly alg: string }
  | { readonly reason: 'assertion_signature_invalid'; readonly issuer: string }
  | { readonly reason: 'assertion_audience_mismatch'; readonly issuer: string }
  | { readonly reason: 'assertion_expired'; readonly issuer: string }
  | { readonly reason: 'assertion_not_yet_valid'; readonly issuer: string }
  | { readonly reason: 'assertion_too_old'; readonly issuer: string }
  | { readonly reason: 'assertion_claim_missing'; readonly issuer: string; readonly claim: string }
  | { readonly reason: 'assertion_claim_not_accepted'; readonly issuer: string; readonly claim: string }
  /** A foreign assertion with `act` is refused: it speaks for somebody else. */
  | { readonly reason: 'assertion_delegated'; readonly issuer: string }
  /** The cluster no longer stands by it: the pod or its account was deleted (`token-review.ts`). */
  | { readonly reason: 'assertion_not_live'; readonly issuer: string }
  | { readonly reason: 'assertion_review_unavailable'; readonly issuer: string }

/** Nothing can be said of the assertion: who would have to say it does not answer. Answered by 503, not by a refusal. */
export const isAssertionOutage = ({ reason }: { readonly reason: string }): boolean =>
  reason === 'assertion_issuer_unavailable' || reason === 'assertion_review_unavailable'

/** Proves who is asking, by an OIDC assertion. Never spends it: single use is claimed with the record (`grants/issuance-store.ts`). */
export type VerifyWorkload = (assertion: string) => Promise<Result<Workload, AssertionRefusal>>

export interface WorkloadVerifierDeps {
  /** No two with the same issuer: `iss` alone says whose claims they are. */
  readonly sources: readonly WorkloadSource[]
  readonly trustDomain: string
  /** This broker: what it signed itself proves no workload. */
  readonly ownIssuer: string
  readonly clock: Clock
  readonly keys: IssuerKeys
  /** For sources with `tokenReview`. */
  readonly reviewToken?: ReviewToken
  /** Audiences of people, by issuer, where one issuer serves both (contract §1): such a token is no assertion. */
  readonly peopleAudiences?: ReadonlyMap<string, readonly string[]>
}

/** @throws Error for sources that the configuration must not let through: two of one issuer, our own, a pattern or a name that cannot be used. */
export function createWorkloadVerifier(deps: WorkloadVerifierDeps): VerifyWorkload {
  const sources = new Map<string, CompiledSource>()
  for (const source of deps.sources) {
    if (sources.has(source.issuer)) throw new Error(`two workload sources have the issuer ${source.issuer}`)
    if (source.issuer === deps.ownIssuer)
      throw new Error(`the workload source ${source.name} has this broker as its issuer`)
    sources.set(source.issuer, compileSource(source, deps))
  }
  return async (assertion) => {
    const parsed = parseJws(assertion)
    if (!parsed.ok) return refuse({ reason: 'assertion_malformed', detail: parsed.refusal })
    const jws = parsed.value
    // Types before look-ups: an array of one string would turn into that string.
    const iss = jws.claims['iss']
    if (typeof iss !== 'string') return refuse({ reason: 'assertion_malformed', detail: 'iss is not a text' })
    const compiled = sources.get(iss)
    if (compiled === undefined)
      return refuse({ reason: 'assertion_issuer_unknown', issuer: [...iss].slice(0, 200).join('') })
    return verifyFrom(compiled, assertion, jws, deps)
  }
}

async function verifyFrom(
  compiled: CompiledSource,
  assertion: string,
  jws: ParsedJws,
  { keys, clock, reviewToken }: WorkloadVerifierDeps,
): Promise<Result<Workload, AssertionRefusal>> {
  const { source } = compiled
  const { issuer } = source
  if (!source.algorithms.includes(jws.alg))
    return refuse({ reason: 'assertion_algorithm_not_allowed', issuer, alg: jws.alg })
  const checked = checkClaims(jws.claims, compiled.rules, clock.now())
  if (!checked.ok) return refuse(claimsRefusal(issuer, checked.refusal))
  const key = await keys.find(source, jws.alg, jws.kid)
  if (!key.ok) return refuse({ reason: `assertion_${key.refusal}`, issuer })
  const { signatures } = compiled
  const isSigned = signatures?.verify(key.value, assertion, jws) ?? key.value.verify(jws.signingInput, jws.signature)
  if (!(await isSigned)) return refuse({ reason: 'assertion_signature_invalid', issuer })
  const workload = toWorkload(compiled, jws, checked.value)
  const server = source.tokenReview
  if (!workload.ok || server === undefined) return workload
  const verdict = (await reviewToken?.({ source, server, assertion, workload: workload.value })) ?? 'unavailable'
  if (verdict === 'live') return workload
  return refuse({ reason: verdict === 'not_live' ? 'assertion_not_live' : 'assertion_review_unavailable', issuer })
}

interface CompiledSource {
  readonly source: WorkloadSource
  readonly preset: Preset
  readonly rules: ClaimRules
  readonly require: Conditions
  readonly spiffePrefix: string
  readonly shardOf: (anchor: string) => Shard
  /** Where assertions are shown more than once. */
  readonly signatures?: SignatureMemory
}

function compileSource(source: WorkloadSource, deps: WorkloadVerifierDeps): CompiledSource {
  const preset = PRESETS.get(source.preset)
  if (preset === undefined) throw new Error(`the workload source ${source.name} has an unknown preset`)
  const require = compileConditions(source.require)
  if (!require.ok) throw new Error(`the workload source ${source.name} requires what is no pattern`)
  const { anchor, sealed, delegate } = source.mapping
  if (![anchor, ...sealed, ...delegate].every(isAssignable))
    throw new Error(`the workload source ${source.name} takes __proto__ for a claim`)
  if (!spiffePrefixFits(deps.trustDomain, source.name))
    throw new Error(`the trust domain and the name of the workload source ${source.name} are too long together`)
  return {
    source,
    preset,
    rules: {
      audiences: source.audiences,
      otherAudiences: deps.peopleAudiences?.get(source.issuer) ?? [],
      leeway: source.leeway,
      ...(source.maxAge === undefined ? {} : { maxAge: source.maxAge }),
    },
    require: require.value,
    spiffePrefix: spiffePrefix(deps.trustDomain, source.name),
    shardOf: rememberShards(source.name),
    ...(source.reuse === 'once' ? {} : { signatures: createSignatureMemory() }),
  }
}

/** What an object cannot hold as a member of its own by assignment. */
const isAssignable = (claim: string): boolean => claim !== '__proto__'

const MAX_SHARDS = 1024

/** The same few workloads come again and again. */
function rememberShards(source: string): (anchor: string) => Shard {
  const shards = new Map<string, Shard>()
  return (anchor) => {
    const known = shards.get(anchor)
    if (known !== undefined) return known
    const shard = shardOfWorkload(source, anchor)
    if (shards.size >= MAX_SHARDS) shards.clear()
    shards.set(anchor, shard)
    return shard
  }
}

function claimsRefusal(issuer: string, refusal: ClaimsRefusal): AssertionRefusal {
  switch (refusal.reason) {
    case 'malformed':
      return { reason: 'assertion_malformed', detail: refusal.detail }
    case 'claim_missing':
    case 'claim_not_accepted':
      return { reason: `assertion_${refusal.reason}`, issuer, claim: refusal.claim }
    case 'audience_mismatch':
    case 'expired':
    case 'not_yet_valid':
    case 'too_old':
    case 'delegated':
      return { reason: `assertion_${refusal.reason}`, issuer }
  }
}

/** From here on the claims are the issuer's own words. */
function toWorkload(
  compiled: CompiledSource,
  jws: ParsedJws,
  checked: CheckedClaims,
): Result<Workload, AssertionRefusal> {
  const { source, preset } = compiled
  const { claims } = jws
  const { issuer, mapping } = source
  const unmet = compiled.require.unmet(claims)
  if (unmet !== undefined) return refuseClaim(issuer, unmet.claim, unmet.missing)
  const read = readMapped(claims, mapping)
  if (!read.ok) return refuseClaim(issuer, read.refusal.claim, read.refusal.missing)
  const ofAPerson = preset.claimOfAPerson?.(claims)
  if (ofAPerson !== undefined) return refuseClaim(issuer, ofAPerson, false)
  const { anchor, sealed, segments, delegateClaims } = read.value
  const startedBy = readStarter(claims, mapping.startedBy, preset)
  const reference = preset.referenceTo(claims, issuer)
  return ok({
    source: source.name,
    preset: source.preset,
    issuer,
    subject: checked.subject,
    spiffeId: spiffeId(compiled.spiffePrefix, [anchor, ...segments]),
    anchor: { claim: mapping.anchor, value: anchor },
    sealed,
    ...(startedBy === undefined ? {} : { startedBy }),
    claims,
    delegateClaims,
    description: preset.describe(claims),
    ...(reference === undefined ? {} : { reference }),
    owner: source.owner,
    shard: compiled.shardOf(anchor),
    assertion: present(source, jws, checked),
  })
}

const refuseClaim = (issuer: string, claim: string, missing: boolean): Result<never, AssertionRefusal> =>
  refuse({ reason: missing ? 'assertion_claim_missing' : 'assertion_claim_not_accepted', issuer, claim })

interface MappedClaims {
  readonly anchor: string
  readonly sealed: Readonly<Record<string, string>>
  readonly segments: readonly (string | undefined)[]
  readonly delegateClaims: Readonly<Record<string, string>>
}

interface UnreadableClaim {
  readonly claim: string
  readonly missing: boolean
}

function readMapped(claims: Claims, mapping: ClaimMapping): Result<MappedClaims, UnreadableClaim> {
  const anchor = readId(claims, mapping.anchor)
  if (!anchor.ok) return anchor
  const sealed: Record<string, string> = {}
  for (const claim of mapping.sealed) {
    const id = readId(claims, claim)
    if (!id.ok) return id
    sealed[claim] = id.value
  }
  const segments: (string | undefined)[] = []
  for (const claim of mapping.segments) {
    const stated = readStated(claims, claim)
    if (!stated.ok) return stated
    segments.push(stated.value)
  }
  const delegateClaims: Record<string, string> = { [mapping.anchor]: anchor.value }
  for (const claim of mapping.delegate) {
    const stated = readStated(claims, claim)
    if (!stated.ok) return stated
    if (stated.value !== undefined) delegateClaims[claim] = stated.value
  }
  return ok({ anchor: anchor.value, sealed, segments, delegateClaims })
}

/** Longer values would not fit where delegates, digests and store records carry them. */
const MAX_STATED = 1024

/** A claim that must be there, and say something. */
function readId(claims: Claims, claim: string): Result<string, UnreadableClaim> {
  const value = pick(claims, claim)
  const text = claimText(value)
  if (text === undefined || text === '' || text.length > MAX_STATED)
    return refuse({ claim, missing: value === undefined })
  return ok(text)
}

/** A claim that may be absent (a job without an environment), but not unreadable: leaving it out would widen the delegate. */
function readStated(claims: Claims, claim: string): Result<string | undefined, UnreadableClaim> {
  const value = pick(claims, claim)
  if (value === undefined || value === null) return ok(undefined)
  const text = claimText(value)
  return text === undefined || text.length > MAX_STATED ? refuse({ claim, missing: false }) : ok(text)
}

function readStarter(claims: Claims, claim: string | undefined, preset: Preset): Workload['startedBy'] {
  if (claim === undefined) return undefined
  const text = pickText(claims, claim)
  const id = text === undefined || preset.starterIn === undefined ? text : preset.starterIn(text)
  // A source that names people and does not name one here: nobody can be told apart from them (`separation`).
  return id === undefined || id === '' || preset.starterIsUnknown(claims) ? 'unknown' : { id }
}

function present(source: WorkloadSource, jws: ParsedJws, { jti, expiresAt }: CheckedClaims): PresentedAssertion {
  // Base64url is canonical here, so the signing input stands for the decoded header and payload; the signature does not
  // count, since anybody can turn one ECDSA signature into another.
  const identity = jti === undefined ? ['content', jws.signingInput.toString()] : ['jti', jti]
  return { key: sha256Base64url(JSON.stringify([source.issuer, ...identity])), expiresAt, reuse: source.reuse }
}
