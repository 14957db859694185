import { createPublicKey, type KeyObject } from 'node:crypto'
import type { ParsedCertificate } from './certificate.js'

const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const MIN_RSA_BITS = 2048
/** Above this a verification costs more than it proves. */
const MAX_RSA_BITS = 8192
const MIN_RSA_EXPONENT = 65_537n
/** Each bit is a multiplication: an exponent as long as its modulus makes one verification cost hundreds. OpenSSL bounds long moduli alone. */
const MAX_RSA_EXPONENT = (1n << 64n) - 1n

/**
 * The key of a certificate that somebody else made; `undefined` for what is weak, unknown or malformed: DSA, curves without a
 * name, points off their curve, short moduli and small exponents. Errand's own certificates are pickier (`public-key.ts`).
 */
export function keyOf(certificate: ParsedCertificate): KeyObject | undefined {
  // Roots are asked for their keys with each path, and an import costs more than a verification.
  if (!keys.has(certificate)) keys.set(certificate, strongKeyOf(certificate))
  return keys.get(certificate)
}

const keys = new WeakMap<ParsedCertificate, KeyObject | undefined>()

function strongKeyOf({ spki }: ParsedCertificate): KeyObject | undefined {
  const key = importKey(spki)
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {}
  switch (key?.asymmetricKeyType) {
    case 'ed25519':
      return key
    case 'ec':
      return CURVES.has(namedCurve) ? key : undefined
    case 'rsa': {
      const isStrong = modulusLength >= MIN_RSA_BITS && publicExponent >= MIN_RSA_EXPONENT
      const isCheap = modulusLength <= MAX_RSA_BITS && publicExponent <= MAX_RSA_EXPONENT
      return isStrong && isCheap && publicExponent % 2n === 1n ? key : undefined
    }
    default:
      return undefined
  }
}

function importKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
