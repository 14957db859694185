import type { JsonWebKey, KeyObject } from 'node:crypto'
import { constants, createPublicKey, verify } from 'node:crypto'
import { isStrongKey } from '../runtime/strong-key.js'
import type { Algorithm } from './algorithms.js'
import { ALGORITHMS } from './algorithms.js'

/** A public key of an issuer, for one algorithm. Made once per key set, used for every signature. */
export interface VerificationKey {
  readonly alg: string
  /** In the thread pool: it leaves the main thread free, and is no slower there. Never rejects. */
  verify(signingInput: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** The usable keys of a JWK Set (RFC 7517 §5). */
export interface KeySet {
  /** `undefined` when none fits, or several do: who signs must be told by `kid`, or by there being one key alone. */
  find(alg: string, kid: string | undefined): VerificationKey | undefined
  readonly size: number
  /** How many members were passed over as unknown, weak or not for signatures. */
  readonly ignored: number
}

export const MAX_KEYS = 100
/** Members of private and of symmetric keys (RFC 7518 §6). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/**
 * `sig` (RFC 7517 §4.2) may be left out; in the bundle of a trust domain each key says that it
 * is for `jwt-svid` (SPIFFE Trust Domain and Bundle §4.2.2).
 */
export type KeyUse = 'sig' | 'jwt-svid'

/**
 * Reads a JWK Set. `undefined` when the document is none. Keys that cannot be used are passed over (RFC 7517 §5), and
 * so are weak ones, even though a trusted issuer offers them: an RSA key with exponent 1 lets anybody sign.
 */
export function parseKeySet(document: unknown, use: KeyUse = 'sig'): KeySet | undefined {
  if (typeof document !== 'object' || document === null || !Object.hasOwn(document, 'keys')) return undefined
  const members = (document as { keys: unknown }).keys
  if (!Array.isArray(members)) return undefined
  const byName = new Map<string, VerificationKey[]>()
  let size = 0
  for (const member of members.slice(0, MAX_KEYS) as unknown[]) {
    const usable = readKey(member, use)
    if (usable === undefined) continue
    size++
    for (const key of usable.keys) {
      add(byName, nameOf(key.alg, undefined), key)
      if (usable.kid !== undefined) add(byName, nameOf(key.alg, usable.kid), key)
    }
  }
  const find = (alg: string, kid: string | undefined): VerificationKey | undefined => {
    const found = byName.get(nameOf(alg, kid))
    return found?.length === 1 ? found[0] : undefined
  }
  return { find, size, ignored: members.length - size }
}

const nameOf = (alg: string, kid: string | undefined): string => (kid === undefined ? alg : `${alg} ${kid}`)

function add(byName: Map<string, VerificationKey[]>, name: string, key: VerificationKey): void {
  const others = byName.get(name)
  if (others === undefined) byName.set(name, [key])
  else others.push(key)
}

interface UsableKey {
  readonly kid: string | undefined
  readonly keys: readonly VerificationKey[]
}

function readKey(member: unknown, use: KeyUse): UsableKey | undefined {
  if (typeof member !== 'object' || member === null) return undefined
  const jwk = member as Readonly<Record<string, unknown>>
  if (!isForVerifying(jwk, use)) return undefined
  const fitting = [...ALGORITHMS].filter(([alg, algorithm]) => fits(jwk, alg, algorithm))
  if (fitting.length === 0) return undefined
  const key = importStrong(jwk)
  if (key === undefined) return undefined
  const kid = jwk['kid']
  return {
    kid: typeof kid === 'string' ? kid : undefined,
    keys: fitting.map(([alg, algorithm]) => verificationKey(key, alg, algorithm)),
  }
}

/**
 * A public key that stands by itself, as in the header of a DPoP
 * proof; `undefined` for one that `parseKeySet` would pass over.
 */
export interface LoneKey extends VerificationKey {
  readonly publicKey: KeyObject
}

export function readLoneKey(jwk: Readonly<Record<string, unknown>>, alg: string): LoneKey | undefined {
  const algorithm = ALGORITHMS.get(alg)
  if (algorithm === undefined || !isForVerifying(jwk, 'sig') || !fits(jwk, alg, algorithm)) return undefined
  const publicKey = importStrong(jwk)
  return publicKey === undefined ? undefined : { publicKey, ...verificationKey(publicKey, alg, algorithm) }
}

/** A private or symmetric key in a public document is known to everybody (RFC 7517 §9.2). */
export const holdsSecret = (jwk: Readonly<Record<string, unknown>>): boolean =>
  SECRET_MEMBERS.some((member) => jwk[member] !== undefined)

function isForVerifying(jwk: Readonly<Record<string, unknown>>, use: KeyUse): boolean {
  if (holdsSecret(jwk)) return false
  if (jwk['use'] !== use && (jwk['use'] !== undefined || use !== 'sig')) return false
  const operations = jwk['key_ops']
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

function fits(jwk: Readonly<Record<string, unknown>>, alg: string, algorithm: Algorithm): boolean {
  if (jwk['kty'] !== algorithm.kty) return false
  if (algorithm.crv !== undefined && jwk['crv'] !== algorithm.crv) return false
  return jwk['alg'] === undefined || jwk['alg'] === alg
}

function importStrong(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  const key = importKey(jwk)
  return key !== undefined && isStrongKey(key) ? key : undefined
}

function importKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ format: 'jwk', key: jwk as JsonWebKey })
  } catch {
    // Not a key: a point off its curve, missing members, other types.
    return undefined
  }
}

function verificationKey(key: KeyObject, alg: string, algorithm: Algorithm): VerificationKey {
  const { digest, signatureLength } = algorithm
  const input = keyInput(key, algorithm)
  return {
    alg,
    verify: (signingInput, signature) =>
      new Promise((resolve) => {
        if (signatureLength !== undefined && signature.length !== signatureLength) {
          resolve(false)
          return
        }
        verify(digest, signingInput, input, signature, (error, valid) => {
          resolve(error === null && valid)
        })
      }),
  }
}

const keyInput = (key: KeyObject, { kty, pss }: Algorithm) => {
  if (kty === 'EC') return { key, dsaEncoding: 'ieee-p1363' as const }
  if (pss === undefined) return { key }
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: pss.saltLength }
}
