import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import {
  bitString,
  boolean,
  encode,
  explicit,
  integer,
  namedBits,
  octetString,
  oid,
  raw,
  sequence,
  set,
  time,
  utf8String,
  type DerValue,
} from './write-der.js'
import { authorityKeyIdentifier, crlDistributionPoint, extension, uriName } from './extension.js'
import { OIDS } from './oids.js'
import { requireAlgorithm, signBytes } from './signing.js'
import { keyIdentifierOf, spkiOf } from './spki.js'

/** What a certificate of an authority says. */
export interface CaTemplate {
  /** Not negative, not zero, at most 20 bytes (RFC 5280 §4.1.2.2). */
  readonly serial: Buffer
  /** DER of its name. */
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly notBefore: EpochSeconds
  readonly notAfter: EpochSeconds
  /** How many authorities may stand below it. */
  readonly pathLength: number
  /** The trust domain as a SPIFFE id, so that the authority is an SVID itself (X509-SVID §3.2). */
  readonly spiffeId: string
  /** Where what its issuer says of it is found. */
  readonly urls?: { readonly crl: string; readonly issuer: string }
}

/** Who signs it; itself, where it is a root. */
export interface CaIssuer {
  /** DER of its name. */
  readonly subject: Buffer
  readonly privateKey: KeyObject
}

/** The name of an authority of ours: whose it is, and which (RFC 5280 §4.1.2.4). At most 64 characters each (appendix A.1). */
export const authorityName = (organization: string, commonName: string): Buffer =>
  encode(
    sequence(
      set(sequence(oid(OIDS.organizationName), utf8String(organization))),
      set(sequence(oid(OIDS.commonName), utf8String(commonName))),
    ),
  )

/** Bits of KeyUsage (RFC 5280 §4.2.1.3). */
const KEY_CERT_SIGN = 5
const CRL_SIGN = 6
/** Version 3 (RFC 5280 §4.1.2.1). */
const V3 = 2

/** What makes a certificate one of an authority: the same in its request and in the certificate (RFC 5280 §4.2.1.3, §4.2.1.9). */
export const authorityExtensions = (pathLength: number, spiffeId: string): readonly DerValue[] => [
  extension(OIDS.basicConstraints, sequence(boolean(true), integer(pathLength)), true),
  extension(OIDS.keyUsage, namedBits([KEY_CERT_SIGN, CRL_SIGN]), true),
  extension(OIDS.subjectAltName, sequence(uriName(spiffeId))),
]

/**
 * Builds, signs and checks the certificate of an authority. DER.
 * @throws RangeError when what was made is not what was asked for
 */
export function makeCaCertificate(template: CaTemplate, issuer: CaIssuer): Buffer {
  const spki = spkiOf(template.publicKey)
  const issuerSpki = spkiOf(issuer.privateKey)
  const algorithm = requireAlgorithm(issuer.privateKey).identifier
  const { urls } = template
  const tbs = encode(
    sequence(
      explicit(0, integer(V3)),
      integer(template.serial),
      raw(algorithm),
      raw(issuer.subject),
      sequence(time(template.notBefore), time(template.notAfter)),
      raw(template.subject),
      raw(spki),
      explicit(
        3,
        sequence(
          ...authorityExtensions(template.pathLength, template.spiffeId),
          extension(OIDS.subjectKeyIdentifier, octetString(keyIdentifierOf(spki))),
          authorityKeyIdentifier(keyIdentifierOf(issuerSpki)),
          ...(urls === undefined
            ? []
            : [
                crlDistributionPoint(urls.crl),
                extension(OIDS.authorityInfoAccess, sequence(sequence(oid(OIDS.caIssuers), uriName(urls.issuer)))),
              ]),
        ),
      ),
    ),
  )
  const made = encode(sequence(raw(tbs), raw(algorithm), bitString(signBytes(issuer.privateKey, tbs))))
  checkMade(made, createPublicKey(issuer.privateKey))
  return made
}

/** By another parser than the one that wrote it. */
function checkMade(made: Buffer, signer: KeyObject): void {
  const certificate = new X509Certificate(made)
  if (certificate.ca && certificate.verify(signer)) return
  throw new RangeError('the certificate of an authority is not what was asked for')
}
