import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { ok, refuse, type Result } from '../runtime/result.js'
import { MAX_RSA_EXPONENT, MIN_RSA_BITS, MIN_RSA_EXPONENT } from '../runtime/strong-key.js'
import { OIDS } from './oids.js'
import { bitStringOf, integerOf, isUniversal, oidOf, readDer, type DerNode } from './read-der.js'

/**
 * Which keys may be certified (contract §2): EC on P-256 and P-384, Ed25519, and RSA of 2048 to 4096 bits. A key is
 * taken apart here and given to `node:crypto` as its numbers, a JWK: that is twice as fast as a SubjectPublicKeyInfo,
 * and leaves OpenSSL nothing to choose about parameters or notations.
 */
export interface KeyRefusal {
  readonly reason: 'key_unsupported' | 'key_weak' | 'key_malformed'
  /** For whoever sent the key: nothing of the key is in it. */
  readonly detail: string
}

export const SUPPORTED_KEYS = 'EC P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits'

/** @param spki SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) */
export function publicKeyOf(spki: DerNode | undefined): Result<KeyObject, KeyRefusal> {
  const [algorithm, keyBits, ...rest] = spki?.children ?? []
  const bits = bitStringOf(keyBits)
  if (!isUniversal(spki, 'sequence') || !isUniversal(algorithm, 'sequence') || rest.length > 0)
    return malformed('it is not a SubjectPublicKeyInfo')
  if (bits?.unusedBits !== 0) return malformed('it is not a whole number of bytes')
  const [type, parameters, ...more] = algorithm.children
  if (more.length > 0) return malformed('its algorithm has too many parameters')
  switch (oidOf(type)) {
    case OIDS.ecPublicKey:
      return ecKeyOf(parameters, bits.bytes)
    case OIDS.ed25519:
      return ed25519KeyOf(parameters, bits.bytes)
    case OIDS.rsaEncryption:
      return rsaKeyOf(parameters, bits.bytes)
    case OIDS.rsassaPss:
      return unsupported('RSA keys that are restricted to PSS are not certified')
    case OIDS.ed448:
      return unsupported('Ed448 keys are not certified')
    default:
      return unsupported('the kind of key is unknown')
  }
}

const malformed = (detail: string): Result<never, KeyRefusal> =>
  refuse({ reason: 'key_malformed', detail: `the key is malformed: ${detail}` })
const unsupported = (detail: string): Result<never, KeyRefusal> =>
  refuse({ reason: 'key_unsupported', detail: `${detail}: ${SUPPORTED_KEYS} is needed` })
const weak = (detail: string): Result<never, KeyRefusal> =>
  refuse({ reason: 'key_weak', detail: `${detail}: ${SUPPORTED_KEYS} is needed` })

interface Curve {
  readonly crv: string
  readonly coordinateBytes: number
}

const CURVES: ReadonlyMap<string, Curve> = new Map([
  [OIDS.prime256v1, { crv: 'P-256', coordinateBytes: 32 }],
  [OIDS.secp384r1, { crv: 'P-384', coordinateBytes: 48 }],
])

const OTHER_CURVES: ReadonlyMap<string, string> = new Map([
  [OIDS.secp224r1, 'P-224'],
  [OIDS.secp521r1, 'P-521'],
  [OIDS.secp256k1, 'secp256k1'],
])

const UNCOMPRESSED = 4

/** RFC 5480 §2: a named curve, and an uncompressed point; that it is on the curve is checked by OpenSSL on import. */
function ecKeyOf(parameters: DerNode | undefined, point: Buffer): Result<KeyObject, KeyRefusal> {
  const name = oidOf(parameters)
  if (name === undefined) return unsupported('the key spells out its curve, or names none')
  const curve = CURVES.get(name)
  if (curve === undefined) return unsupported(`the key is on ${OTHER_CURVES.get(name) ?? 'an unknown curve'}`)
  const { crv, coordinateBytes } = curve
  // Compressed and hybrid points begin with 2, 3, 6 or 7 (SEC 1 §2.3.3); RFC 5480 §2.2 lets a CA refuse them.
  if (point[0] !== UNCOMPRESSED || point.length !== 1 + 2 * coordinateBytes)
    return malformed(`it is not an uncompressed point of ${crv}`)
  const x = point.toString('base64url', 1, 1 + coordinateBytes)
  const y = point.toString('base64url', 1 + coordinateBytes)
  return imported({ kty: 'EC', crv, x, y }, `it is not a point of ${crv}`)
}

const ED25519_BYTES = 32
const ED25519_PRIME = (1n << 255n) - 19n
const SMALL_ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n

/**
 * The y of the points whose order divides the cofactor 8: zero, one and minus one, and the two of order 8. Anybody can
 * sign for such a key, so its holder would be everybody (RFC 8032 §8.8 leaves it to the application).
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  ED25519_PRIME - 1n,
  SMALL_ORDER_8,
  ED25519_PRIME - SMALL_ORDER_8,
])

/**
 * RFC 8410 §4: no parameters, and 32 bytes. That they are a point is
 * found by the verification of the request's signature.
 */
function ed25519KeyOf(parameters: DerNode | undefined, bytes: Buffer): Result<KeyObject, KeyRefusal> {
  if (parameters !== undefined || bytes.length !== ED25519_BYTES) return malformed('it is not an Ed25519 key')
  const number = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  // The highest bit is the sign of x (RFC 8032 §5.1.2).
  const y = BigInt.asUintN(255, number)
  if (y >= ED25519_PRIME) return malformed('its point is not written in its one form')
  if (SMALL_ORDER_Y.has(y)) return weak('the key is a point of small order')
  return imported({ kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, 'it is not an Ed25519 key')
}

/** Of keys that are certified, and of those that certify. */
export const MAX_CERTIFIED_RSA_BITS = 4096

/** RFC 8017 appendix A.1.1, inside of which nothing is left open; the parameters are NULL (RFC 3279 §2.3.1). */
function rsaKeyOf(parameters: DerNode | undefined, bytes: Buffer): Result<KeyObject, KeyRefusal> {
  if (!isUniversal(parameters, 'null')) return malformed('the parameters of an RSA key are NULL')
  const numbers = readDer(bytes)
  const [first, second, ...rest] = numbers?.children ?? []
  const modulus = integerOf(first)
  const exponent = integerOf(second)
  if (!isUniversal(numbers, 'sequence') || modulus === undefined || exponent === undefined || rest.length > 0)
    return malformed('it is not an RSA key')
  if (modulus <= 0n || exponent <= 0n) return malformed('a number of the RSA key is not positive')
  const bits = modulus.toString(2).length
  if (bits < MIN_RSA_BITS) return weak(`the RSA key has ${bits} bits`)
  if (bits > MAX_CERTIFIED_RSA_BITS) return unsupported(`the RSA key has ${bits} bits`)
  if (exponent % 2n === 0n || modulus % 2n === 0n) return malformed('a number of the RSA key is even')
  if (exponent < MIN_RSA_EXPONENT) return weak('the exponent of the RSA key is below 65537')
  if (exponent > MAX_RSA_EXPONENT) return unsupported('the exponent of the RSA key is above 64 bits')
  return imported({ kty: 'RSA', n: base64url(modulus), e: base64url(exponent) }, 'it is not an RSA key')
}

const base64url = (value: bigint): string => {
  const digits = value.toString(16)
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex').toString('base64url')
}

function imported(jwk: JsonWebKey, fault: string): Result<KeyObject, KeyRefusal> {
  try {
    return ok(createPublicKey({ key: jwk, format: 'jwk' }))
  } catch {
    return malformed(fault)
  }
}
