import type { Clock } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { shardOfWorkload } from '../runtime/ids.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { CheckedClaims, ClaimRules, ClaimsRefusal } from './check-claims.js'
import { checkClaims } from './check-claims.js'
import type { Claims } from './claims.js'
import { pick, pickText } from './claims.js'
import type { Conditions } from './conditions.js'
import { compileConditions } from './conditions.js'
import type { IssuerKeys } from './issuer-keys.js'
import type { ParsedJws } from './jws.js'
import { parseJws } from './jws.js'
import type { Preset } from './presets/preset.js'
import { PRESETS } from './presets.js'
import type { WorkloadSource } from './source.js'
import { spiffeId, spiffePrefix, spiffePrefixFits } from './spiffe-id.js'
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
    if (compiled === undefined) return refuse({ reason: 'assertion_issuer_unknown', issuer: iss.slice(0, 200) })
    return verifyFrom(compiled, jws, deps)
  }
}

async function verifyFrom(
  compiled: CompiledSource,
  jws: ParsedJws,
  { keys, clock }: WorkloadVerifierDeps,
): Promise<Result<Workload, AssertionRefusal>> {
  const { source } = compiled
  const { issuer } = source
  if (!source.algorithms.includes(jws.alg))
    return refuse({ reason: 'assertion_algorithm_not_allowed', issuer, alg: jws.alg })
  const checked = checkClaims(jws.claims, compiled.rules, clock.now())
  if (!checked.ok) return refuse(claimsRefusal(issuer, checked.refusal))
  const key = await keys.find(source, jws.alg, jws.kid)
  if (!key.ok) return refuse({ reason: `assertion_${key.refusal}`, issuer })
  if (!(await key.value.verify(jws.signingInput, jws.signature)))
    return refuse({ reason: 'assertion_signature_invalid', issuer })
  return toWorkload(compiled, jws, checked.value)
}

interface CompiledSource {
  readonly source: WorkloadSource
  readonly preset: Preset
  readonly rules: ClaimRules
  readonly require: Conditions
  readonly spiffePrefix: string
}

function compileSource(source: WorkloadSource, deps: WorkloadVerifierDeps): CompiledSource {
  const preset = PRESETS.get(source.preset)
  if (preset === undefined) throw new Error(`the workload source ${source.name} has an unknown preset`)
  const require = compileConditions(source.require)
  if (!require.ok) throw new Error(`the workload source ${source.name} requires what is no pattern`)
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
  { source, preset, require, spiffePrefix: prefix }: CompiledSource,
  jws: ParsedJws,
  checked: CheckedClaims,
): Result<Workload, AssertionRefusal> {
  const { claims } = jws
  const { issuer, mapping } = source
  const unmet = require.unmet(claims)
  if (unmet !== undefined) {
    const reason = unmet.missing ? 'assertion_claim_missing' : 'assertion_claim_not_accepted'
    return refuse({ reason, issuer, claim: unmet.claim })
  }
  const anchor = readIds(claims, [mapping.anchor])
  if (!anchor.ok) return refuse({ ...anchor.refusal, issuer })
  const sealed = readIds(claims, mapping.sealed)
  if (!sealed.ok) return refuse({ ...sealed.refusal, issuer })
  const stated = readStated(claims, [...mapping.segments, ...mapping.delegate])
  if (!stated.ok) return refuse({ ...stated.refusal, issuer })
  const anchorValue = anchor.value[mapping.anchor] ?? ''
  const startedBy = readStarter(claims, mapping.startedBy, preset)
  const reference = preset.referenceTo(claims, issuer)
  return ok({
    source: source.name,
    issuer,
    subject: checked.subject,
    spiffeId: spiffeId(prefix, [anchorValue, ...mapping.segments.map((claim) => stated.value.get(claim))]),
    anchor: { claim: mapping.anchor, value: anchorValue },
    sealed: sealed.value,
    ...(startedBy === undefined ? {} : { startedBy }),
    claims,
    delegateClaims: delegateClaims(anchor.value, mapping.delegate, stated.value),
    description: preset.describe(claims),
    ...(reference === undefined ? {} : { reference }),
    owner: source.owner,
    shard: shardOfWorkload(source.name, anchorValue),
    assertion: present(source, jws, checked),
  })
}

type ClaimRefusal = {
  readonly reason: 'assertion_claim_missing' | 'assertion_claim_not_accepted'
  readonly claim: string
}

/** Longer values would not fit where delegates, digests and store records carry them. */
const MAX_STATED = 1024

/** Claims that must be there, and say something. */
function readIds(claims: Claims, names: readonly string[]): Result<Readonly<Record<string, string>>, ClaimRefusal> {
  const read: [string, string][] = []
  for (const claim of names) {
    if (pick(claims, claim) === undefined) return refuse({ reason: 'assertion_claim_missing', claim })
    const text = pickText(claims, claim)
    if (text === undefined || text === '' || text.length > MAX_STATED)
      return refuse({ reason: 'assertion_claim_not_accepted', claim })
    read.push([claim, text])
  }
  return ok(Object.fromEntries(read))
}

/** Claims that may be absent (a job without an environment), but not unreadable: leaving one out would widen the delegate. */
function readStated(claims: Claims, names: readonly string[]): Result<ReadonlyMap<string, string>, ClaimRefusal> {
  const read = new Map<string, string>()
  for (const claim of names) {
    const value = pick(claims, claim)
    if (value === undefined || value === null) continue
    const text = pickText(claims, claim)
    if (text === undefined || text.length > MAX_STATED) return refuse({ reason: 'assertion_claim_not_accepted', claim })
    read.set(claim, text)
  }
  return ok(read)
}

function delegateClaims(
  anchor: Readonly<Record<string, string>>,
  names: readonly string[],
  stated: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const entries = names.flatMap((claim) => {
    const text = stated.get(claim)
    return text === undefined ? [] : [[claim, text] as const]
  })
  return { ...anchor, ...Object.fromEntries(entries) }
}

function readStarter(claims: Claims, claim: string | undefined, preset: Preset): Workload['startedBy'] {
  if (claim === undefined) return undefined
  const id = pickText(claims, claim)
  // A source that names people and does not name one here: nobody can be told apart from them (`separation`).
  return id === undefined || id === '' || preset.starterIsUnknown(claims) ? 'unknown' : { id }
}

function present(source: WorkloadSource, jws: ParsedJws, { jti, expiresAt }: CheckedClaims): PresentedAssertion {
  // Base64url is canonical here, so the signing input stands for the decoded header and payload; the signature does not
  // count, since anybody can turn one ECDSA signature into another.
  const identity = jti === undefined ? ['content', jws.signingInput.toString()] : ['jti', jti]
  return { key: sha256Base64url(JSON.stringify([source.issuer, ...identity])), expiresAt, reuse: source.reuse }
}
