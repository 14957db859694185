import type { EpochSeconds } from '../runtime/clock.js'
import type { Result } from '../runtime/result.js'
import { ok, refuse } from '../runtime/result.js'
import type { Claims } from './claims.js'

/** What every token must say of itself, whoever it speaks for. */
export interface ClaimRules {
  readonly audiences: readonly string[]
  /** Audiences of the other role, where one issuer serves machines and people: a token for both is for neither. */
  readonly otherAudiences: readonly string[]
  readonly leeway: number
  readonly maxAge?: number
}

/** The registered claims of RFC 7519 §4.1, checked. */
export interface CheckedClaims {
  readonly subject: string
  readonly expiresAt: EpochSeconds
  readonly jti: string | undefined
}

export type ClaimsRefusal =
  | { readonly reason: 'malformed'; readonly detail: string }
  | { readonly reason: 'audience_mismatch' | 'expired' | 'not_yet_valid' | 'too_old' | 'delegated' }
  | { readonly reason: 'claim_missing' | 'claim_not_accepted'; readonly claim: string }

const MAX_SUBJECT = 1024
/** The last second of the year 9999: what RFC 3339 can write. */
const MAX_TIME = 253_402_300_799
const CONTROL = /\p{Cc}/u

export function checkClaims(
  claims: Claims,
  rules: ClaimRules,
  now: EpochSeconds,
): Result<CheckedClaims, ClaimsRefusal> {
  const { sub, aud, exp, nbf, iat, jti } = claims as Readonly<
    Record<'sub' | 'aud' | 'exp' | 'nbf' | 'iat' | 'jti', unknown>
  >
  if (sub === undefined) return refuse({ reason: 'claim_missing', claim: 'sub' })
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT || CONTROL.test(sub))
    return malformed('sub is not a plain text')
  if (jti !== undefined && (typeof jti !== 'string' || jti === '')) return malformed('jti is not a text')
  // It speaks for somebody else (RFC 8693 §4.1), or only together with a proof that nobody showed (RFC 7800 §3).
  if (Object.hasOwn(claims, 'act')) return refuse({ reason: 'delegated' })
  if (Object.hasOwn(claims, 'cnf')) return refuse({ reason: 'claim_not_accepted', claim: 'cnf' })
  const audience = checkAudience(aud, rules)
  if (!audience.ok) return audience
  if (exp === undefined) return refuse({ reason: 'claim_missing', claim: 'exp' })
  if (!isTime(exp) || !isAbsentOrTime(nbf) || !isAbsentOrTime(iat)) return malformed('exp, nbf or iat is not a time')
  // No leeway: what is issued ends when the assertion does, and its single use is remembered until then.
  if (exp <= now) return refuse({ reason: 'expired' })
  if ((nbf ?? 0) > now + rules.leeway || (iat ?? 0) > now + rules.leeway) return refuse({ reason: 'not_yet_valid' })
  if (rules.maxAge !== undefined) {
    if (iat === undefined) return refuse({ reason: 'claim_missing', claim: 'iat' })
    if (now - iat > rules.maxAge) return refuse({ reason: 'too_old' })
  }
  return ok({ subject: sub, expiresAt: Math.floor(exp), jti })
}

function checkAudience(aud: unknown, rules: ClaimRules): Result<undefined, ClaimsRefusal> {
  if (aud === undefined) return refuse({ reason: 'claim_missing', claim: 'aud' })
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!named.every((audience) => typeof audience === 'string')) return malformed('aud is not a text or a list of texts')
  const ours = named.some((audience) => rules.audiences.includes(audience))
  const others = named.some((audience) => rules.otherAudiences.includes(audience))
  return ours && !others ? ok(undefined) : refuse({ reason: 'audience_mismatch' })
}

const malformed = (detail: string): Result<never, ClaimsRefusal> => refuse({ reason: 'malformed', detail })

/** A NumericDate (RFC 7519 §2), fractions allowed; JSON's `1e999` is infinite and none. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_TIME

const isAbsentOrTime = (value: unknown): value is number | undefined => value === undefined || isTime(value)
