import type { KeyObject } from 'node:crypto'
import type { Clock, EpochSeconds } from '../runtime/clock.js'
import { sha256Base64url } from '../runtime/digest.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import { ALGORITHMS } from './algorithms.js'
import type { Claims } from './claims.js'
import type { DpopNonces } from './dpop-nonce.js'
import { parseRawJws, type RawJws } from './jws.js'
import { readLoneKey, type LoneKey } from './key-set.js'
import type { ProvedDpop } from './possession.js'
import { comparableTarget } from './target-uri.js'

/** The request that carries a proof. */
export interface ProvedRequest {
  readonly method: string
  /** As it was sent, escapes and all, without the query. */
  readonly path: string
  /** The credential that is presented with it. `mustBeNamed`: as a protected resource asks for it (RFC 9449 §7). */
  readonly token?: { readonly value: string; readonly mustBeNamed: boolean }
}

/** Why a proof is not believed. The caller learns only whether a nonce is wanted; the log and the evidence have the rest. */
export type DpopRefusal =
  | { readonly reason: 'dpop_malformed'; readonly detail: string }
  | { readonly reason: 'dpop_key_not_accepted' }
  | { readonly reason: 'dpop_signature_invalid' }
  | { readonly reason: 'dpop_other_request' }
  | { readonly reason: 'dpop_too_old' }
  | { readonly reason: 'dpop_not_yet_valid' }
  | { readonly reason: 'dpop_other_token' }
  | { readonly reason: 'dpop_nonce_needed' }

/** Verifies a proof and spends nothing. */
export type VerifyDpop = (proof: string, request: ProvedRequest) => Promise<Result<ProvedDpop, DpopRefusal>>

export interface DpopDeps {
  /** `https://host:port` of every base under which clients reach this broker, from the configuration: never from `Host`. */
  readonly origins: readonly string[]
  readonly clock: Clock
  readonly nonces: DpopNonces
}

export const DPOP_ALGORITHMS: readonly string[] = [...ALGORITHMS.keys()]

/** Seconds. A fresh nonce bounds the age of a proof as well; this holds whoever keeps a nonce and makes proofs ahead. */
const MAX_AGE = 120
/** Seconds: the client's clock may be ahead. */
const LEEWAY = 30
const MAX_PROOF_CHARS = 8 * 1024
const MAX_JTI_CHARS = 256

/**
 * RFC 9449 §4.3, point by point. The nonce is looked at last: whoever is asked to try again with a nonce has a proof that is good otherwise.
 * Single use (`use`) is claimed by the caller, once it is known who asks: strangers leave nothing in the store (invariant 14).
 */
export function createDpopVerifier({ origins, clock, nonces }: DpopDeps): VerifyDpop {
  return async (proof, request) => {
    if (proof.length > MAX_PROOF_CHARS) return malformed('longer than a proof is')
    // Several headers arrive joined by a comma, which no compact JWS contains.
    const parsed = parseRawJws(proof)
    if (!parsed.ok) return malformed(parsed.refusal)
    const key = readKey(parsed.value.parameters)
    if (!key.ok) return key
    const claims = readClaims(parsed.value.claims)
    if (!claims.ok) return claims
    if (!(await isSigned(key.value, parsed.value))) return refuse({ reason: 'dpop_signature_invalid' })
    const refusal =
      requestRefusal(claims.value, request, origins) ??
      timeRefusal(claims.value, clock.now()) ??
      tokenRefusal(claims.value, request) ??
      nonceRefusal(claims.value, nonces)
    if (refusal !== undefined) return refuse(refusal)
    const jkt = thumbprintOf(key.value.publicKey)
    const { jti, iat } = claims.value
    // Longer than the proof is good by this clock: by another instance's it may be good a little longer.
    const until = lastSecond(iat) + LEEWAY
    const use = { key: sha256Base64url(JSON.stringify(['dpop', jkt, jti])), binding: '', until }
    return ok({ jkt, use })
  }
}

const malformed = (detail: string): Result<never, DpopRefusal> => refuse({ reason: 'dpop_malformed', detail })

/** Points 4 to 7: `typ`, an asymmetric algorithm, and a public key that fits it. */
function readKey(parameters: Claims): Result<LoneKey, DpopRefusal> {
  const { typ, alg, jwk, crit, b64 } = parameters as Readonly<Record<'typ' | 'alg' | 'jwk' | 'crit' | 'b64', unknown>>
  if (typ !== 'dpop+jwt') return malformed('typ is not dpop+jwt')
  if (crit !== undefined || b64 !== undefined) return malformed('the header has crit or b64')
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg)) return malformed('alg is no algorithm that is believed')
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return malformed('jwk is not an object')
  const key = readLoneKey(jwk as Claims, alg)
  return key === undefined ? refuse({ reason: 'dpop_key_not_accepted' }) : ok(key)
}

interface ProofClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly iat: number
  readonly exp: number | undefined
  readonly nbf: number | undefined
  readonly ath: string | undefined
  readonly nonce: string | undefined
}

/** Point 3: all that a proof must have, of the right types. */
function readClaims(claims: Claims): Result<ProofClaims, DpopRefusal> {
  const { jti, htm, htu, iat, exp, nbf, ath, nonce } = claims as Readonly<Record<keyof ProofClaims, unknown>>
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_CHARS) return malformed('jti is not a short text')
  if (typeof htm !== 'string' || typeof htu !== 'string') return malformed('htm or htu is not a text')
  if (!isTime(iat)) return malformed('iat is not a time')
  if (!isAbsentOr(isTime, exp) || !isAbsentOr(isTime, nbf)) return malformed('exp or nbf is not a time')
  if (!isAbsentOr(isText, ath) || !isAbsentOr(isText, nonce)) return malformed('ath or nonce is not a text')
  return ok({ jti, htm, htu, iat, exp, nbf, ath, nonce })
}

/** The last second of the year 9999. */
const MAX_TIME = 253_402_300_799
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_TIME
const isText = (value: unknown): value is string => typeof value === 'string'
const isAbsentOr = <T>(is: (value: unknown) => value is T, value: unknown): value is T | undefined =>
  value === undefined || is(value)

const isSigned = (key: LoneKey, { signingInput, signature }: RawJws): Promise<boolean> =>
  key.verify(signingInput, signature)

/** Points 8 and 9. */
function requestRefusal(
  { htm, htu }: ProofClaims,
  { method, path }: ProvedRequest,
  origins: readonly string[],
): DpopRefusal | undefined {
  const named = comparableTarget(htu)
  const isThisOne =
    htm === method && named !== undefined && origins.some((origin) => comparableTarget(origin + path) === named)
  return isThisOne ? undefined : { reason: 'dpop_other_request' }
}

/** Point 11. `exp` and `nbf` are not asked for, and mean what they say where they stand (RFC 7519 §4.1). */
function timeRefusal({ iat, exp, nbf }: ProofClaims, now: EpochSeconds): DpopRefusal | undefined {
  if (lastSecond(iat) < now || (exp !== undefined && exp <= now)) return { reason: 'dpop_too_old' }
  return Math.max(iat, nbf ?? 0) > now + LEEWAY ? { reason: 'dpop_not_yet_valid' } : undefined
}

const lastSecond = (iat: number): EpochSeconds => Math.floor(iat) + MAX_AGE

/** Point 12: the proof is for the very credential that it comes with. */
function tokenRefusal({ ath }: ProofClaims, { token }: ProvedRequest): DpopRefusal | undefined {
  if (ath === undefined) return token?.mustBeNamed === true ? { reason: 'dpop_other_token' } : undefined
  return token !== undefined && ath === sha256Base64url(token.value) ? undefined : { reason: 'dpop_other_token' }
}

/** Point 10. */
const nonceRefusal = ({ nonce }: ProofClaims, nonces: DpopNonces): DpopRefusal | undefined =>
  nonce !== undefined && nonces.accepts(nonce) ? undefined : { reason: 'dpop_nonce_needed' }

/** RFC 7638 §3.2, RFC 8037 §2: from the key itself, so that one key has one thumbprint however its JWK was written. */
export function thumbprintOf(key: KeyObject): string {
  const { kty, crv, e, n, x, y } = key.export({ format: 'jwk' })
  switch (kty) {
    case 'EC':
      return sha256Base64url(JSON.stringify({ crv, kty, x, y }))
    case 'RSA':
      return sha256Base64url(JSON.stringify({ e, kty, n }))
    default:
      return sha256Base64url(JSON.stringify({ crv, kty, x }))
  }
}
