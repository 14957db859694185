import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { bitStringOf, readDer } from './read-der.js'

/** The public half of a key as certificates hold it: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER. */
export const spkiOf = (key: KeyObject): Buffer =>
  (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' })

/**
 * The bits of the key inside a SubjectPublicKeyInfo: what key identifiers are digests of (RFC 5280 §4.2.1.2, RFC 6960 §4.1.1).
 * @throws RangeError for anything else
 */
export function keyBitsOf(spki: Uint8Array): Buffer {
  const bits = bitStringOf(readDer(spki)?.children[1])
  if (bits === undefined) throw new RangeError('not a SubjectPublicKeyInfo')
  return bits.bytes
}

/** SHA-256 of the key's bits, cut to 160 (RFC 7093 §2, method 1): names a key, and decides nothing. */
export const keyIdentifierOfBits = (keyBits: Uint8Array): Buffer => hash('sha256', keyBits, 'buffer').subarray(0, 20)

export const keyIdentifierOf = (spki: Uint8Array): Buffer => keyIdentifierOfBits(keyBitsOf(spki))
