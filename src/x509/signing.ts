import { sign, type KeyObject } from 'node:crypto'
import { MIN_RSA_BITS } from '../runtime/strong-key.js'
import { OIDS } from './oids.js'
import { MAX_CERTIFIED_RSA_BITS } from './public-key.js'
import { encode, nothing, oid, sequence, type DerValue } from './write-der.js'

/** How a key signs what X.509 signs. */
export interface SigningAlgorithm {
  /** For `node:crypto`; Ed25519 digests by itself. */
  readonly digest: 'sha256' | 'sha384' | null
  /** AlgorithmIdentifier, DER: the same inside and outside of what is signed (RFC 5280 §4.1.1.2). */
  readonly identifier: Buffer
}

const algorithm = (digest: SigningAlgorithm['digest'], name: string, ...parameters: DerValue[]) => ({
  digest,
  identifier: encode(sequence(oid(name), ...parameters)),
})

/** Parameters are NULL for RSA and absent for all others (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3). */
const ALGORITHMS = {
  p256: algorithm('sha256', OIDS.ecdsaWithSha256),
  p384: algorithm('sha384', OIDS.ecdsaWithSha384),
  ed25519: algorithm(null, OIDS.ed25519),
  rsa: algorithm('sha256', OIDS.sha256WithRsaEncryption, nothing()),
} as const satisfies Record<string, SigningAlgorithm>

/**
 * `undefined` for a key that no authority of ours may have: one of a
 * kind that is not certified either (`public-key.ts`).
 */
export function signingAlgorithmOf(key: KeyObject): SigningAlgorithm | undefined {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (namedCurve === 'prime256v1') return ALGORITHMS.p256
      return namedCurve === 'secp384r1' ? ALGORITHMS.p384 : undefined
    case 'ed25519':
      return ALGORITHMS.ed25519
    case 'rsa':
      return modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_CERTIFIED_RSA_BITS ? ALGORITHMS.rsa : undefined
    default:
      return undefined
  }
}

/** @throws RangeError for a key that `signingAlgorithmOf` does not know */
export function requireAlgorithm(key: KeyObject): SigningAlgorithm {
  const known = signingAlgorithmOf(key)
  if (known === undefined) throw new RangeError('the key is of a kind that does not sign certificates')
  return known
}

/** In this thread: for what is small. */
export const signBytes = (key: KeyObject, bytes: Uint8Array): Buffer => sign(requireAlgorithm(key).digest, bytes, key)

/** In the thread pool: for what is large. */
export const signInPool = (key: KeyObject, bytes: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    sign(requireAlgorithm(key).digest, bytes, key, (error, signature) => {
      if (error) reject(error)
      else resolve(signature)
    })
  })
