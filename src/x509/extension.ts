import { OIDS } from './oids.js'
import { booleanOf, isUniversal, octetStringOf, oidOf, readDer, type DerNode } from './read-der.js'
import {
  boolean,
  encode,
  explicit,
  ia5String,
  implicit,
  octetString,
  oid,
  raw,
  sequence,
  type DerValue,
} from './write-der.js'

export interface Extension {
  readonly type: string
  readonly critical: boolean
  readonly value: DerNode
}

/**
 * An Extension (RFC 5280 §4.1.2.9), of a certificate, of a CRL, or of a question about one.
 * `critical` is not written where it is false (X.690 §11.5).
 */
export function readExtension(node: DerNode): Extension | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length < 2 || node.children.length > 3) return undefined
  const [first, second] = node.children
  const type = oidOf(first)
  const critical = node.children.length === 3 ? booleanOf(second) : false
  if (type === undefined || critical === undefined || (node.children.length === 3 && !critical)) return undefined
  const octets = octetStringOf(node.children.at(-1))
  const value = octets === undefined ? undefined : readDer(octets)
  return value === undefined ? undefined : { type, critical, value }
}

const TRUE = raw(encode(boolean(true)))

/**
 * @param type an OID; encoded before, where many are written
 * @param value a Buffer is DER already
 */
export const extension = (type: string | DerValue, value: DerValue | Buffer, critical = false): DerValue =>
  sequence(
    typeof type === 'string' ? oid(type) : type,
    ...(critical ? [TRUE] : []),
    octetString(Buffer.isBuffer(value) ? value : encode(value)),
  )

/** Whose key signed it (RFC 5280 §4.2.1.1): by the identifier of the key alone. */
export const authorityKeyIdentifier = (keyId: Uint8Array): DerValue =>
  extension(OIDS.authorityKeyIdentifier, sequence(implicit(0, octetString(keyId))))

/** One place of a CRL: a full name with one URI, no reasons and no other issuer (RFC 5280 §4.2.1.13). */
export const crlDistributionPoint = (url: string): DerValue =>
  extension(OIDS.crlDistributionPoints, sequence(sequence(explicit(0, implicit(0, sequence(uriName(url)))))))

/** A uniformResourceIdentifier as a GeneralName (RFC 5280 §4.2.1.6). */
export const uriName = (text: string): DerValue => implicit(6, ia5String(text))
