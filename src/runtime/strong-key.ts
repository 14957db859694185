import type { KeyObject } from 'node:crypto'

/** As OpenSSL names P-256, P-384 and P-521. */
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
export const MIN_RSA_BITS = 2048
/** Above this a verification costs more than it proves. */
const MAX_RSA_BITS = 8192
/** Smaller ones leave little between a signature and its forgery; with 1 anybody signs. */
export const MIN_RSA_EXPONENT = 65_537n
/**
 * Each bit is a multiplication: an exponent as long as its modulus makes one
 * verification cost hundreds. OpenSSL bounds long moduli alone.
 */
export const MAX_RSA_EXPONENT = (1n << 64n) - 1n

/**
 * Whether signatures by this public key of somebody else's are believed, wherever it stands: in a JWK Set, a DPoP proof
 * or a certificate. What Errand itself certifies is pickier (`x509/public-key.ts`).
 */
export function isStrongKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {}
  switch (asymmetricKeyType) {
    case 'ed25519':
      return true
    case 'ec':
      return CURVES.has(namedCurve)
    case 'rsa': {
      const isStrong = modulusLength >= MIN_RSA_BITS && publicExponent >= MIN_RSA_EXPONENT
      const isCheap = modulusLength <= MAX_RSA_BITS && publicExponent <= MAX_RSA_EXPONENT
      return isStrong && isCheap && publicExponent % 2n === 1n
    }
    default:
      return false
  }
}
