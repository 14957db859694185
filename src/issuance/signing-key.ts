import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { SigningAlg } from '../policy/catalogue.js'
import { Fault } from '../runtime/fault.js'
import { canonicalize } from '../runtime/jcs.js'
import { sha256Base64url } from '../runtime/digest.js'

/** What our own tokens are. The media type is in the header of each, and no one of them passes as the other. */
export type TokenTyp = 'at+jwt' | 'errand-ticket+jwt'

export const TOKEN_TYPS: readonly TokenTyp[] = ['at+jwt', 'errand-ticket+jwt']

/** A public key as `/jwks` shows it (RFC 7517). */
export interface PublicJwk {
  readonly kid: string
  readonly kty: string
  readonly alg: SigningAlg
  readonly use: 'sig'
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly n?: string
  readonly e?: string
}

/** A key that verifies what this broker signed. */
export interface VerifyKey {
  readonly kid: string
  readonly alg: SigningAlg
  readonly publicKey: KeyObject
}

/** A key that signs, its KeyObject made once (importing a key for each signature costs ten times the signature). */
export interface SigningKey extends VerifyKey {
  readonly privateKey: KeyObject
  /** The JOSE header of each kind of token by this key, base64url: made once, and known again when a token comes back. */
  readonly headers: Readonly<Record<TokenTyp, string>>
  readonly publicJwk: PublicJwk
}

const RSA_BITS = 2048
const generate = promisify(generateKeyPair)

/** A new private key as a JWK. RSA keys have the 2048 bits that RFC 7518 §3.3 asks for: they sign for weeks, tokens live for minutes. */
export async function generatePrivateJwk(alg: SigningAlg): Promise<JsonWebKey> {
  const { privateKey } = await generatePair(alg)
  return privateKey.export({ format: 'jwk' })
}

function generatePair(alg: SigningAlg): Promise<{ privateKey: KeyObject }> {
  switch (alg) {
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' })
    case 'RS256':
    case 'PS256':
      return generate('rsa', { modulusLength: RSA_BITS, publicExponent: 65537 })
    case 'EdDSA':
      return generate('ed25519')
  }
}

/** The key's thumbprint is its id (RFC 7638 §3.2: only the required members, in lexicographic order). */
function thumbprint(jwk: JsonWebKey): string {
  const { crv, e, kty, n, x, y } = jwk
  if (kty === 'EC') return sha256Base64url(canonicalize({ crv, kty, x, y }))
  if (kty === 'OKP') return sha256Base64url(canonicalize({ crv, kty, x }))
  return sha256Base64url(canonicalize({ e, kty, n }))
}

/** @throws Fault `key_unavailable` when the JWK is not a private key of that algorithm */
export function signingKeyOf(alg: SigningAlg, jwk: JsonWebKey): SigningKey {
  try {
    const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
    const publicKey = createPublicKey(privateKey)
    const shown = publicKey.export({ format: 'jwk' })
    if (!suits(alg, shown)) throw new TypeError('the key is of another kind')
    const kid = thumbprint(shown)
    return {
      kid,
      alg,
      privateKey,
      publicKey,
      headers: { 'at+jwt': headerOf('at+jwt', alg, kid), 'errand-ticket+jwt': headerOf('errand-ticket+jwt', alg, kid) },
      publicJwk: publicJwkOf(shown, alg, kid),
    }
  } catch (cause) {
    throw new Fault('key_unavailable', `a key of the key ring for ${alg} cannot be used`, { cause })
  }
}

function suits(alg: SigningAlg, { kty, crv }: JsonWebKey): boolean {
  if (alg === 'ES256') return kty === 'EC' && crv === 'P-256'
  if (alg === 'EdDSA') return kty === 'OKP' && crv === 'Ed25519'
  return kty === 'RSA'
}

const headerOf = (typ: TokenTyp, alg: SigningAlg, kid: string): string =>
  Buffer.from(JSON.stringify({ typ, alg, kid })).toString('base64url')

function publicJwkOf({ kty, crv, x, y, n, e }: JsonWebKey, alg: SigningAlg, kid: string): PublicJwk {
  const common = { kid, kty: kty ?? '', alg, use: 'sig' } as const
  if (n !== undefined && e !== undefined) return { ...common, n, e }
  return { ...common, ...(crv !== undefined && { crv }), ...(x !== undefined && { x }), ...(y !== undefined && { y }) }
}

/** JWS signature bytes over the text (RFC 7518 §3), in this thread: the pool would cost more than it gives. */
export function signText(key: SigningKey, text: string): Buffer {
  return sign(digestOf(key.alg), Buffer.from(text), withScheme(key.alg, key.privateKey))
}

/** In the thread pool: it uses another core while this thread serves others. */
export function verifyText(key: VerifyKey, text: string, signature: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digestOf(key.alg), Buffer.from(text), withScheme(key.alg, key.publicKey), signature, (error, valid) => {
      if (error) reject(error)
      else resolve(valid)
    })
  })
}

const digestOf = (alg: SigningAlg): 'sha256' | null => (alg === 'EdDSA' ? null : 'sha256')

function withScheme(alg: SigningAlg, key: KeyObject) {
  if (alg === 'ES256') return { key, dsaEncoding: 'ieee-p1363' } as const
  if (alg === 'PS256') return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  return { key }
}
