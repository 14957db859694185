import type { KeyObject } from 'node:crypto'
import { bitString, encode, implicit, integer, raw, sequence, set } from './write-der.js'
import { toPem } from './pem.js'
import { requireAlgorithm, signBytes } from './signing.js'
import { spkiOf } from './spki.js'

/**
 * A request for a certificate that names nobody (PKCS #10, RFC 2986 §4; PEM): who it is for is approved, so all that it says is
 * that whoever sends it has the key.
 * @throws RangeError for a key that is not certified
 */
export function buildCsr(privateKey: KeyObject): string {
  const { identifier } = requireAlgorithm(privateKey)
  const info = encode(sequence(integer(0), sequence(), raw(spkiOf(privateKey)), implicit(0, set())))
  const signature = bitString(signBytes(privateKey, info))
  return toPem('CERTIFICATE REQUEST', encode(sequence(raw(info), raw(identifier), signature)))
}
