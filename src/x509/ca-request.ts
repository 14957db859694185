import type { KeyObject } from 'node:crypto'
import { authorityExtensions } from './ca-certificate.js'
import { bitString, encode, implicit, integer, oid, raw, sequence, set } from './write-der.js'
import { OIDS } from './oids.js'
import { toPem } from './pem.js'
import { requireAlgorithm, signBytes } from './signing.js'
import { spkiOf } from './spki.js'

/**
 * The request for the certificate of an issuing authority, for somebody else's root (RFC 2986, PEM): that it is an
 * authority, what its key is for, and whose trust domain it signs for. The root decides what of it is granted.
 */
export function makeCaRequest(
  { subject, spiffeId }: { readonly subject: Buffer; readonly spiffeId: string },
  privateKey: KeyObject,
): string {
  const extensions = sequence(...authorityExtensions(0, spiffeId))
  const attributes = implicit(0, set(sequence(oid(OIDS.extensionRequest), set(extensions))))
  const info = encode(sequence(integer(0), raw(subject), raw(spkiOf(privateKey)), attributes))
  const { identifier } = requireAlgorithm(privateKey)
  return toPem(
    'CERTIFICATE REQUEST',
    encode(sequence(raw(info), raw(identifier), bitString(signBytes(privateKey, info)))),
  )
}
