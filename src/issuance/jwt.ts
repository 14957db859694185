import type { AuthorizationDetail } from '../grants/grant.js'
import type { SigningAlg } from '../policy/catalogue.js'
import type { EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { parseCredentialId, type CredentialId, type GrantId, type TaskId } from '../runtime/ids.js'
import { ok, refuse, type Result } from '../runtime/result.js'
import type { KeyConfirmation } from '../workloads/possession.js'
import type { KeyRing } from './key-ring.js'
import { MAX_TOKEN_TTL } from './ring.js'
import { signText, verifyText, type SigningKey, type TokenTyp } from './signing-key.js'

/** Who acts: outermost now, then who handed it on (RFC 8693 §4.1). */
export interface Act {
  readonly sub: string
  readonly act?: Act
}

/** An access token (RFC 9068), claims as the contract has them, §2. */
export interface AccessTokenClaims {
  /** This broker. */
  readonly iss: string
  /** The workload that people approved, as a SPIFFE id. */
  readonly sub: string
  /** The workload that acts. */
  readonly client_id: string
  readonly aud: string
  readonly iat: EpochSeconds
  readonly nbf: EpochSeconds
  readonly exp: EpochSeconds
  readonly jti: CredentialId
  readonly scope?: string
  readonly authorization_details?: readonly AuthorizationDetail[]
  readonly grant_id: GrantId
  readonly task_id: TaskId
  readonly act?: Act
  /** The key that it is bound to: a DPoP key (RFC 9449 §6.1) or a client certificate (RFC 8705 §3.1). */
  readonly cnf?: KeyConfirmation
}

/** What a parent gives a child, so that it can ask for a narrower credential: single use, at most 60 seconds. */
export interface TicketClaims {
  readonly iss: string
  /** `sub` of the parent credential. */
  readonly sub: string
  /** This broker, and nobody else. */
  readonly aud: string
  readonly iat: EpochSeconds
  readonly nbf: EpochSeconds
  readonly exp: EpochSeconds
  /** `ti_` and 34 hex digits. */
  readonly jti: string
  /** The one workload that may redeem it (RFC 8693 §4.4). */
  readonly may_act: { readonly sub: string }
  /** Who hands it on, and from whom they had it. */
  readonly act: Act
  /** The credential that it was made from. */
  readonly parent_id: CredentialId
  /** When that one ends: what comes of the ticket ends by then. */
  readonly parent_exp: EpochSeconds
  readonly grant_id: GrantId
  readonly task_id: TaskId
  /** Where the credential to come may be used. */
  readonly target: string
  readonly scope?: string
  readonly authorization_details?: readonly AuthorizationDetail[]
}

export const MAX_TICKET_TTL = 60
/** Longer ones are not looked at: nothing that we sign comes near. */
const MAX_TOKEN_CHARS = 16_384
/** Another broker's clock may be ahead of ours. `exp` has no leeway (contract §3). */
const LEEWAY = 30

/** Why a token is not one of ours that is in force. The caller learns none of this. */
export type OwnTokenRefusal =
  | { readonly reason: 'own_token_malformed' }
  /** Not signed by a key of ours, or by one that is gone, or another kind of token of ours than is expected here. */
  | { readonly reason: 'own_token_unknown' }
  | { readonly reason: 'own_token_signature_invalid' }
  | { readonly reason: 'own_token_issuer_mismatch' }
  | { readonly reason: 'own_token_expired' }
  | { readonly reason: 'own_token_not_yet_valid' }

interface ClaimsOf {
  readonly 'at+jwt': AccessTokenClaims
  readonly 'errand-ticket+jwt': TicketClaims
}

export interface Tokens {
  /**
   * @throws Fault `key_unavailable` when there is no key for `alg`
   * @throws RangeError for claims that no credential may have: that is a mistake of ours, and nothing is signed
   */
  signAccessToken(claims: AccessTokenClaims, alg: SigningAlg): string
  /** Tickets come back to us alone: always ES256. Throws as `signAccessToken` does. */
  signTicket(claims: TicketClaims): string
  /** What a token of ours says it is, by its header alone: for routing (invariant 5), before anything is verified. */
  typOf(token: string): TokenTyp | undefined
  /** The claims of a token of ours that is of the expected kind and in force. Revocation is the store's to say. */
  verifyOwnToken<T extends TokenTyp>(
    token: string,
    expected: T,
    now: EpochSeconds,
  ): Promise<Result<ClaimsOf[T], OwnTokenRefusal>>
}

const TICKET_ALG: SigningAlg = 'ES256'

/** Signs our own tokens and knows them again. `issuer` is this broker, as configured. */
export function createTokens({
  ring,
  issuer,
}: {
  readonly ring: Pick<KeyRing, 'current' | 'keyByHeader'>
  readonly issuer: string
}): Tokens {
  return {
    signAccessToken(claims, alg) {
      checkTimes(claims, MAX_TOKEN_TTL)
      if (
        claims.iss !== issuer ||
        claims.aud === '' ||
        claims.aud === issuer ||
        parseCredentialId(claims.jti) === undefined
      ) {
        throw new RangeError('an access token needs our issuer, a target that is not us, and a credential id')
      }
      return signClaims(ring.current(alg), 'at+jwt', claims)
    },
    signTicket(claims) {
      checkTimes(claims, MAX_TICKET_TTL)
      if (claims.iss !== issuer || claims.aud !== issuer || claims.may_act.sub === '') {
        throw new RangeError('a ticket is from us, for us, and for one actor')
      }
      return signClaims(ring.current(TICKET_ALG), 'errand-ticket+jwt', claims)
    },
    typOf: (token) => ring.keyByHeader(token.slice(0, Math.max(0, token.indexOf('.'))))?.typ,
    async verifyOwnToken<T extends TokenTyp>(token: string, expected: T, now: EpochSeconds) {
      const parts = splitToken(token)
      if (!parts) return refuse({ reason: 'own_token_malformed' })
      // Our headers are known to the byte, so neither `alg` nor `typ` nor `kid` is ever taken from the token's own word.
      const known = ring.keyByHeader(parts.header)
      if (known?.typ !== expected) return refuse({ reason: 'own_token_unknown' })
      if (!(await verifyText(known.key, parts.signed, parts.signature))) {
        return refuse({ reason: 'own_token_signature_invalid' })
      }
      const claims = JSON.parse(parts.payload.toString('utf8')) as ClaimsOf[T]
      if (claims.iss !== issuer || (expected === 'errand-ticket+jwt' && claims.aud !== issuer)) {
        return refuse({ reason: 'own_token_issuer_mismatch' })
      }
      if (claims.exp <= now) return refuse({ reason: 'own_token_expired' })
      if (claims.nbf > now + LEEWAY || claims.iat > now + LEEWAY) return refuse({ reason: 'own_token_not_yet_valid' })
      return ok(claims)
    },
  }
}

function checkTimes(
  { iat, nbf, exp }: { iat: EpochSeconds; nbf: EpochSeconds; exp: EpochSeconds },
  maxTtl: number,
): void {
  const whole = [iat, nbf, exp].every(Number.isSafeInteger)
  if (!whole || nbf > exp || exp <= iat || exp - iat > maxTtl) {
    throw new RangeError(`a token lives for 1 to ${maxTtl} whole seconds`)
  }
}

/** Bytes of a signature; RSA keys of ours have 2048 bits. */
const SIGNATURE_BYTES: Readonly<Record<SigningAlg, number>> = { ES256: 64, EdDSA: 64, RS256: 256, PS256: 256 }

function signClaims(key: SigningKey, typ: TokenTyp, claims: AccessTokenClaims | TicketClaims): string {
  const signed = `${key.headers[typ]}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const signature = signText(key, signed)
  if (signature.length !== SIGNATURE_BYTES[key.alg])
    throw new Fault('key_unavailable', 'the signature has a wrong length')
  const token = `${signed}.${signature.toString('base64url')}`
  if (token.length > MAX_TOKEN_CHARS) throw new RangeError('the claims are too large for a token')
  return token
}

interface Parts {
  readonly header: string
  readonly payload: Buffer
  readonly signature: Buffer
  readonly signed: string
}

/** The three parts of a compact JWS. One notation for one token: base64url that is not canonical is refused. */
function splitToken(token: string): Parts | undefined {
  if (token.length > MAX_TOKEN_CHARS) return undefined
  const [header, body, tail, ...rest] = token.split('.')
  if (header === undefined || body === undefined || tail === undefined || rest.length > 0) return undefined
  const payload = fromBase64url(body)
  const signature = fromBase64url(tail)
  if (!payload || !signature) return undefined
  return { header, payload, signature, signed: `${header}.${body}` }
}

function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
