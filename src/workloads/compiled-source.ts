import type { Shard } from '../runtime/ids.js'
import { shardOfWorkload } from '../runtime/ids.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { ClaimRules } from './check-claims.js'
import type { Claims } from './claims.js'
import { claimText, pick, pickText } from './claims.js'
import type { Conditions } from './conditions.js'
import { compileConditions } from './conditions.js'
import type { Preset } from './presets/preset.js'
import { PRESETS } from './presets.js'
import type { SignatureMemory } from './signature-memory.js'
import { createSignatureMemory } from './signature-memory.js'
import type { ClaimMapping, WorkloadSource } from './source.js'
import { spiffeId, spiffePrefix, spiffePrefixFits } from './spiffe-id.js'
import type { PresentedAssertion, Workload } from './workload.js'

/** A source, made ready once: what every assertion of it is compared with. */
export interface CompiledSource {
  readonly source: WorkloadSource
  readonly preset: Preset
  readonly rules: ClaimRules
  readonly require: Conditions
  readonly spiffePrefix: string
  readonly shardOf: (anchor: string) => Shard
  /** Where assertions are shown more than once. */
  readonly signatures?: SignatureMemory
}

export interface CompileDeps {
  readonly trustDomain: string
  /** Audiences of people, by issuer, where one issuer serves both (contract §1): such a token is no assertion. */
  readonly peopleAudiences?: ReadonlyMap<string, readonly string[]>
}

/** @throws Error for what the configuration must not let through: a pattern or a name that cannot be used */
export function compileSource(source: WorkloadSource, deps: CompileDeps): CompiledSource {
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

/** What was proved, by whichever means. */
export interface Proved {
  readonly subject: string
  readonly claims: Claims
  readonly assertion: PresentedAssertion
}

/** A claim that is not as the configuration or the preset wants it. */
export interface UnmetClaim {
  readonly claim: string
  readonly missing: boolean
}

/** From here on the claims are the issuer's own words. */
export function toWorkload(
  compiled: CompiledSource,
  { subject, claims, assertion }: Proved,
): Result<Workload, UnmetClaim> {
  const { source, preset } = compiled
  const { issuer, mapping } = source
  const unmet = compiled.require.unmet(claims)
  if (unmet !== undefined) return refuse(unmet)
  const read = readMapped(claims, mapping)
  if (!read.ok) return read
  const ofAPerson = preset.claimOfAPerson?.(claims)
  if (ofAPerson !== undefined) return refuse({ claim: ofAPerson, missing: false })
  const { anchor, sealed, segments, delegateClaims } = read.value
  const startedBy = readStarter(claims, mapping.startedBy, preset)
  const reference = preset.referenceTo(claims, issuer)
  return ok({
    source: source.name,
    preset: source.preset,
    issuer,
    subject,
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
    assertion,
  })
}

interface MappedClaims {
  readonly anchor: string
  readonly sealed: Readonly<Record<string, string>>
  readonly segments: readonly (string | undefined)[]
  readonly delegateClaims: Readonly<Record<string, string>>
}

function readMapped(claims: Claims, mapping: ClaimMapping): Result<MappedClaims, UnmetClaim> {
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
function readId(claims: Claims, claim: string): Result<string, UnmetClaim> {
  const value = pick(claims, claim)
  const text = claimText(value)
  if (text === undefined || text === '' || text.length > MAX_STATED)
    return refuse({ claim, missing: value === undefined })
  return ok(text)
}

/** A claim that may be absent (a job without an environment), but not unreadable: leaving it out would widen the delegate. */
function readStated(claims: Claims, claim: string): Result<string | undefined, UnmetClaim> {
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
