import { plainText } from '../oauth/plain-text.js'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { CheckedClaims, ClaimRules } from '../workloads/check-claims.js'
import { checkClaims } from '../workloads/check-claims.js'
import type { Claims } from '../workloads/claims.js'
import { pick, pickText } from '../workloads/claims.js'
import type { IssuerKeys } from '../workloads/issuer-keys.js'
import type { ParsedJws } from '../workloads/jws.js'
import { parseJws } from '../workloads/jws.js'
import { LOCAL_ALGORITHM, LOCAL_ISSUER, LOCAL_TOKEN_SECONDS, readLocalPersonKey } from './local-person.js'
import type { Person } from './person.js'
import type { SignIn } from './requirement.js'
import { joinRequirements, meetsRequirement } from './requirement.js'
import { groupNamer, rolesOf } from './roles.js'
import type { LocalPeopleSource, OidcPeopleSource, PeopleSource, PersonRequirement, RoleGroups } from './source.js'

/*
 * people/ owns who decides: how a token of a people issuer, or of the one local person, becomes a Person with groups, roles
 * and the accounts that are theirs elsewhere. It shares the reading of tokens with workloads/, and nothing else: no
 * workload's issuer or audience is known here, so no machine's credential ever becomes a person, whatever its claims.
 */

export type PersonRefusal =
  /** Not a token of a people issuer, or not acceptable: 401 `invalid_token`. */
  | { readonly reason: 'person_token_invalid'; readonly detail: string }
  /** Good, but too old or too weak: 401 with the RFC 9470 challenge. */
  | { readonly reason: 'person_too_weak'; readonly requirement: PersonRequirement }
  /** The issuer's keys cannot be had: 503, nothing is said about the token. */
  | { readonly reason: 'person_issuer_unavailable'; readonly issuer: string }

/** What the edge knows of the caller's connection. */
export interface PersonCaller {
  /** The TCP peer is this machine and no proxy stands between. */
  readonly loopback: boolean
}

/**
 * `requirement` is what the act asks for on top of the source's own (a tier's `fresh`). The local person is believed only
 * where `caller` says loopback, so who does not pass it refuses them.
 * @throws Fault `key_unavailable` when the local person's key file is open to others or unreadable.
 */
export type VerifyPerson = (
  token: string,
  requirement?: PersonRequirement,
  caller?: PersonCaller,
) => Promise<Result<Person, PersonRefusal>>

export interface PersonVerifierDeps {
  readonly sources: readonly PeopleSource[]
  readonly roles: RoleGroups
  readonly clock: Clock
  readonly keys: IssuerKeys
  /** This broker: what it signed itself is nobody's sign-in. */
  readonly ownIssuer: string
  /** Audiences of workloads, by issuer, where one issuer serves both (contract §1): such a token is no person's. */
  readonly workloadAudiences?: ReadonlyMap<string, readonly string[]>
}

/** @throws Error for sources that the configuration must not let through: two of one issuer, or our own. */
export function createPersonVerifier(deps: PersonVerifierDeps): VerifyPerson {
  const sources = new Map<string, PeopleSource>()
  for (const source of deps.sources) {
    const issuer = source.kind === 'local' ? LOCAL_ISSUER : source.issuer
    if (sources.has(issuer)) throw new Error(`two people sources have the issuer ${issuer}`)
    if (issuer === deps.ownIssuer) throw new Error(`the people source ${source.name} has this broker as its issuer`)
    sources.set(issuer, source)
  }
  const nameGroup = groupNamer(deps.sources.length)
  return async (token, requirement, caller) => {
    const parsed = parseJws(token)
    if (!parsed.ok) return invalid(parsed.refusal)
    const jws = parsed.value
    const iss = jws.claims['iss']
    const source = typeof iss === 'string' ? sources.get(iss) : undefined
    if (source === undefined) return invalid('not of a people issuer')
    const now = deps.clock.now()
    const proved =
      source.kind === 'oidc' ? await proveOidc(source, jws, now, deps) : await proveLocal(source, jws, now, caller)
    if (!proved.ok) return proved
    const person = toPerson(source, jws.claims, proved.value, { nameGroup, roles: deps.roles, now })
    if (!person.ok) return person
    const required = joinRequirements(source.requirement, requirement)
    return meetsRequirement(person.value, required, now)
      ? person
      : refuse({ reason: 'person_too_weak', requirement: required })
  }
}

const invalid = (detail: string): Result<never, PersonRefusal> => refuse({ reason: 'person_token_invalid', detail })

/** The claims that say who, believed: of a source's issuer, for us, in time, signed. */
type Proved = Promise<Result<CheckedClaims, PersonRefusal>>

async function proveOidc(
  source: OidcPeopleSource,
  jws: ParsedJws,
  now: EpochSeconds,
  deps: PersonVerifierDeps,
): Proved {
  if (!source.algorithms.includes(jws.alg)) return invalid('alg is not allowed for this issuer')
  const rules: ClaimRules = {
    audiences: source.audiences,
    otherAudiences: deps.workloadAudiences?.get(source.issuer) ?? [],
    leeway: source.leeway,
  }
  const checked = checkClaims(jws.claims, rules, now)
  if (!checked.ok) return invalid(describe(checked.refusal))
  const key = await deps.keys.find(source, jws.alg, jws.kid)
  if (!key.ok) {
    return key.refusal === 'key_unknown'
      ? invalid('signed by no key of its issuer')
      : refuse({ reason: 'person_issuer_unavailable', issuer: source.issuer })
  }
  return (await key.value.verify(jws.signingInput, jws.signature)) ? checked : invalid('the signature is wrong')
}

const LOCAL_RULES: ClaimRules = {
  audiences: [LOCAL_ISSUER],
  otherAudiences: [],
  // The same machine has the same clock.
  leeway: 0,
  maxAge: LOCAL_TOKEN_SECONDS,
}

async function proveLocal(
  source: LocalPeopleSource,
  jws: ParsedJws,
  now: EpochSeconds,
  caller: PersonCaller | undefined,
): Proved {
  if (caller?.loopback !== true) return invalid('the local person is believed on loopback only')
  if (jws.alg !== LOCAL_ALGORITHM) return invalid('alg is not allowed for this issuer')
  const checked = checkClaims(jws.claims, LOCAL_RULES, now)
  if (!checked.ok) return invalid(describe(checked.refusal))
  const key = readLocalPersonKey(source.keyFile)
  if (key === undefined) return invalid('the local person has signed nothing yet')
  return (await key.verify(jws.signingInput, jws.signature)) ? checked : invalid('the signature is wrong')
}

const describe = (refusal: { readonly reason: string; readonly claim?: string; readonly detail?: string }): string =>
  [refusal.reason.replaceAll('_', ' '), refusal.claim ?? refusal.detail].filter((part) => part !== undefined).join(': ')

interface PersonContext {
  readonly nameGroup: (source: string, group: string) => string
  readonly roles: RoleGroups
  readonly now: EpochSeconds
}

function toPerson(
  source: PeopleSource,
  claims: Claims,
  { subject }: CheckedClaims,
  context: PersonContext,
): Result<Person, PersonRefusal> {
  const signIn = readSignIn(claims, context.now + (source.kind === 'oidc' ? source.leeway : 0))
  if (!signIn.ok) return signIn
  const bare = source.kind === 'oidc' ? readTexts(pick(claims, source.groupsClaim)) : source.groups
  if (bare === undefined) return invalid('groups is not a list of texts')
  const groups = bare.filter((group) => group !== '').map((group) => context.nameGroup(source.name, group))
  const id = `${source.name}:${subject}`
  const displayName = plainText(pickText(claims, 'name') ?? pickText(claims, 'preferred_username') ?? '').slice(0, 100)
  return ok({
    id,
    source: source.name,
    groups,
    roles: rolesOf(groups, context.roles),
    ...signIn.value,
    samePerson: source.kind === 'oidc' ? readSamePerson(claims, source.samePerson, id) : id,
    links: source.kind === 'oidc' ? readLinks(claims, source.links) : source.links,
    ...(displayName === '' ? {} : { displayName }),
  })
}

/** How and when they signed in. Without `auth_time` nobody can say that a person was there at all (OpenID Connect Core §2). */
function readSignIn(claims: Claims, latest: EpochSeconds): Result<SignIn, PersonRefusal> {
  const { auth_time: authTime, acr, amr } = claims as { auth_time?: unknown; acr?: unknown; amr?: unknown }
  if (!isWholeSeconds(authTime)) return invalid('auth_time is missing or no time')
  if (authTime > latest) return invalid('auth_time is in the future')
  if (acr !== undefined && typeof acr !== 'string') return invalid('acr is not a text')
  const methods = readTexts(amr)
  if (methods === undefined) return invalid('amr is not a list of texts')
  return ok({ authTime, ...(acr === undefined ? {} : { acr }), amr: methods })
}

const isWholeSeconds = (value: unknown): value is EpochSeconds => Number.isSafeInteger(value) && (value as number) >= 0

/** Absent is none; anything but a list of texts is `undefined`. */
function readTexts(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return undefined
  const texts = value.filter((member) => typeof member === 'string')
  return texts.length === value.length ? texts : undefined
}

/**
 * The value that joins one human's accounts. An address that nobody verified proves nothing, and a claim that is missing
 * cannot tell two accounts apart: both give `undefined`, and the review is refused. Addresses are compared in lower case:
 * counting two spellings as one person is the safe mistake.
 */
function readSamePerson(claims: Claims, claim: string | undefined, id: string): string | undefined {
  if (claim === undefined) return id
  const value = pickText(claims, claim)
  if (value === undefined || value.trim() === '') return undefined
  if (claim !== 'email' && claim !== '/email') return value
  return claims['email_verified'] === true ? value.trim().toLowerCase() : undefined
}

function readLinks(claims: Claims, links: OidcPeopleSource['links']): Readonly<Record<string, string>> {
  const found = Object.entries(links).flatMap(([workloadSource, claim]) => {
    const value = pickText(claims, claim)
    return value === undefined || value === '' ? [] : [[workloadSource, value] as const]
  })
  return Object.fromEntries(found)
}
