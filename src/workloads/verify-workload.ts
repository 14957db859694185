import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import { claimRefusal, type AssertionRefusal } from './assertion-refusal.js'
import { readAttestation } from './attestation.js'
import type { CheckedClaims, ClaimsRefusal } from './check-claims.js'
import { checkClaims } from './check-claims.js'
import type { Claims } from './claims.js'
import { compileSource, toWorkload, type CompiledSource } from './compiled-source.js'
import type { IssuerKeys } from './issuer-keys.js'
import type { ParsedJws } from './jws.js'
import { parseJws } from './jws.js'
import { jwtSvidFault } from './jwt-svid.js'
import type { VerificationKey } from './key-set.js'
import type { RevocationLists } from './revocation-lists.js'
import type { WorkloadSource } from './source.js'
import { parseSpiffeId } from './spiffe-uri.js'
import type { ReviewToken } from './token-review.js'
import type { PresentedAssertion, Workload } from './workload.js'

/*
 * workloads/ owns who is asking: which issuers are believed (source.ts, presets/), how their keys are had (issuer-keys.ts),
 * how an assertion becomes a Workload (this file), and what patterns say of one (delegate.ts, conditions.ts).
 *
 * An assertion is read strictly (jws.ts), then its issuer looked up, then everything that costs nothing is checked, then
 * the signature, and only then is anything concluded from its claims. Nothing is stored here and nothing is spent.
 */

/** Proves who is asking, by an OIDC assertion. Never spends it: single use is claimed with the record (`grants/issuance-store.ts`). */
export type VerifyWorkload = (assertion: string) => Promise<Result<Workload, AssertionRefusal>>

export interface WorkloadVerifierDeps {
  /** No two with the same issuer: `iss` says whose claims they are, or for SPIFFE the trust domain in `sub`. */
  readonly sources: readonly WorkloadSource[]
  readonly trustDomain: string
  /** This broker: what it signed itself proves no workload. */
  readonly ownIssuer: string
  readonly clock: Clock
  readonly keys: Pick<IssuerKeys, 'find'>
  /** For sources with `tokenReview`. */
  readonly reviewToken?: ReviewToken
  /** For sources whose chains are checked against lists. */
  readonly revocationLists?: RevocationLists
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
    if (source.trustDomain === deps.trustDomain)
      throw new Error(`the workload source ${source.name} has this broker's own trust domain`)
    sources.set(source.issuer, compileSource(source, deps))
  }
  return async (assertion) => {
    const parsed = parseJws(assertion)
    if (!parsed.ok) return refuse({ reason: 'assertion_malformed', detail: parsed.refusal })
    const compiled = findSource(sources, parsed.value.claims)
    return compiled.ok ? verifyFrom(compiled.value, assertion, parsed.value, deps) : compiled
  }
}

/**
 * By `iss`, where it is a configured one. A JWT-SVID need not have any, and what it has means nothing in SPIFFE: there the
 * trust domain in `sub` says whose keys must have signed.
 */
function findSource(
  sources: ReadonlyMap<string, CompiledSource>,
  claims: Claims,
): Result<CompiledSource, AssertionRefusal> {
  const { iss, sub } = claims as { readonly iss?: unknown; readonly sub?: unknown }
  // Types before look-ups: an array of one string would turn into that string.
  if (iss !== undefined && typeof iss !== 'string') return malformed('iss is not a text')
  const named = iss === undefined ? undefined : sources.get(iss)
  if (named !== undefined && named.source.trustDomain === undefined) return ok(named)
  const trustDomain = typeof sub === 'string' ? parseSpiffeId(sub)?.trustDomain : undefined
  const spiffe = trustDomain === undefined ? undefined : sources.get(`spiffe://${trustDomain}`)
  if (spiffe !== undefined) return ok(spiffe)
  if (iss === undefined) return malformed('iss is missing')
  return refuse({ reason: 'assertion_issuer_unknown', issuer: [...iss].slice(0, 200).join('') })
}

const malformed = (detail: string): Result<never, AssertionRefusal> => refuse({ reason: 'assertion_malformed', detail })

async function verifyFrom(
  compiled: CompiledSource,
  assertion: string,
  jws: ParsedJws,
  deps: WorkloadVerifierDeps,
): Promise<Result<Workload, AssertionRefusal>> {
  const { source, signatures } = compiled
  const { issuer } = source
  if (!source.algorithms.includes(jws.alg))
    return refuse({ reason: 'assertion_algorithm_not_allowed', issuer, alg: jws.alg })
  const now = deps.clock.now()
  const checked = checkClaims(jws.claims, compiled.rules, now)
  if (!checked.ok) return refuse(claimsRefusal(issuer, checked.refusal))
  const signer = await findSigner(source, jws, deps, now)
  if (!signer.ok) return signer
  const { key, claims, expiresAt } = signer.value
  const isSigned = signatures?.verify(key, assertion, jws) ?? key.verify(jws.signingInput, jws.signature)
  if (!(await isSigned)) return refuse({ reason: 'assertion_signature_invalid', issuer })
  const presented = present(source, jws, checked.value, expiresAt)
  const workload = toWorkload(compiled, { subject: checked.value.subject, claims, assertion: presented })
  if (!workload.ok) return refuse(claimRefusal(issuer, workload.refusal))
  const server = source.tokenReview
  if (server === undefined) return workload
  const verdict = (await deps.reviewToken?.({ source, server, assertion, workload: workload.value })) ?? 'unavailable'
  if (verdict === 'live') return workload
  return refuse({ reason: verdict === 'not_live' ? 'assertion_not_live' : 'assertion_review_unavailable', issuer })
}

/** Whose signature it must be, what is then known, and until when at most. */
interface Signer {
  readonly key: VerificationKey
  readonly claims: Claims
  readonly expiresAt?: EpochSeconds
}

async function findSigner(
  source: WorkloadSource,
  jws: ParsedJws,
  { keys, revocationLists, trustDomain }: WorkloadVerifierDeps,
  now: EpochSeconds,
): Promise<Result<Signer, AssertionRefusal>> {
  const { issuer, attestation } = source
  if (attestation !== undefined) {
    const { crlFiles } = attestation
    // Lists that nobody provides are no lists: then no chain is believed.
    const crls = crlFiles.length === 0 ? undefined : (revocationLists?.of(crlFiles) ?? [])
    const attested = readAttestation(attestation, jws, { trustDomain, now, crls })
    if (attested.ok) return attested
    return refuse({ reason: 'assertion_certificate_not_accepted', issuer, because: attested.refusal })
  }
  const fault = source.trustDomain === undefined ? undefined : jwtSvidFault(jws)
  if (fault !== undefined) return malformed(fault)
  const key = await keys.find(source, jws.alg, jws.kid)
  return key.ok ? ok({ key: key.value, claims: jws.claims }) : refuse({ reason: `assertion_${key.refusal}`, issuer })
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

function present(
  source: WorkloadSource,
  { signingInput }: ParsedJws,
  { subject, jti, expiresAt }: CheckedClaims,
  until = expiresAt,
): PresentedAssertion {
  // Base64url is canonical here, so the signing input stands for the decoded header and payload; the signature does not
  // count, since anybody can turn one ECDSA signature into another.
  const identity = jti === undefined ? ['content', signingInput.toString()] : ['jti', jti]
  // Devices choose their own: one must not spend another's.
  const whose = source.attestation === undefined ? [source.issuer] : [source.issuer, subject]
  return {
    key: sha256Base64url(JSON.stringify([...whose, ...identity])),
    expiresAt: Math.min(expiresAt, until),
    reuse: source.reuse,
  }
}
