import { X509Certificate } from 'node:crypto'
import type { EpochSeconds } from '../runtime/clock.js'
import { Fault } from '../runtime/fault.js'
import { parseCredentialId, type CredentialId } from '../runtime/ids.js'
import { parseSpiffeId } from '../workloads/spiffe-uri.js'
import type { CertificateRequest } from '../x509/csr.js'
import { authorityKeyIdentifier, crlDistributionPoint, extension, uriName } from '../x509/extension.js'
import { isCommonName, isDnsName } from '../x509/name-syntax.js'
import { OIDS } from '../x509/oids.js'
import { toPem } from '../x509/pem.js'
import { requireAlgorithm, signBytes } from '../x509/signing.js'
import { keyIdentifierOfBits } from '../x509/spki.js'
import {
  bitString,
  encode,
  explicit,
  ia5String,
  implicit,
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
} from '../x509/write-der.js'
import type { Authority, AuthorityUrls } from './authority.js'
import { encodeProvenance, PROVENANCE_EXTENSION, type Provenance } from './provenance.js'

/*
 * A certificate is built, signed, and then checked by another parser than the one that built it. Nothing of a
 * request but its key is in it: every name comes from the grant.
 */

/** What is certified, all of it decided before. */
export interface CertificateTemplate {
  /** Its 17 bytes are the serial number (contract §2). */
  readonly id: CredentialId
  readonly request: CertificateRequest
  /** The workload that people approved: the URI SAN. */
  readonly spiffeId: string
  /** What the grant states beside it; without a common name the subject is empty. */
  readonly names?: CertificateNames
  /** At most `BACKDATING` before now, for clocks that are behind. */
  readonly notBefore: EpochSeconds
  readonly notAfter: EpochSeconds
  readonly authority: Authority
  readonly provenance: Provenance
}

export interface CertificateNames {
  readonly commonName?: string
  readonly dns: readonly string[]
}

/** Seconds that `notBefore` may lie back. */
export const BACKDATING = 30
const MAX_LIFETIME = 3600

/**
 * PEM, the certificate first and its authorities after it.
 * @throws RangeError for what no certificate may have: that is a mistake of ours, and nothing is signed
 * @throws Fault `key_unavailable` when what was signed is not what was to be signed: it never leaves
 */
export function issueCertificate(template: CertificateTemplate): string {
  const { authority } = template
  checkTemplate(template)
  const issuing = issuingBy(authority)
  const tbs = encode(buildTbs(template, issuing))
  const signature = signBytes(authority.privateKey, tbs)
  const certificate = encode(sequence(raw(tbs), issuing.algorithm, bitString(signature)))
  checkCertificate(certificate, template, issuing)
  return toPem('CERTIFICATE', certificate) + issuing.chain
}

function checkTemplate({ id, spiffeId, names, notBefore, notAfter, authority }: CertificateTemplate): void {
  const isWhole = Number.isSafeInteger(notBefore) && Number.isSafeInteger(notAfter)
  if (!isWhole || notAfter <= notBefore || notAfter - notBefore > MAX_LIFETIME + BACKDATING)
    throw new RangeError(`a certificate lives for 1 to ${MAX_LIFETIME} whole seconds`)
  if (notAfter > authority.notAfter) throw new RangeError('a certificate ends with its authority at the latest')
  if (parseCredentialId(id) === undefined) throw new RangeError('a certificate has a credential id')
  if ((parseSpiffeId(spiffeId)?.path ?? '') === '') throw new RangeError('a certificate is for a SPIFFE id')
  if (names?.commonName !== undefined && !isCommonName(names.commonName))
    throw new RangeError('the common name cannot stand in a certificate')
  if (names?.dns.every(isDnsName) === false) throw new RangeError('a DNS name cannot stand in a certificate')
}

/** What is the same in all certificates of an authority, encoded once. */
interface Issuing {
  readonly algorithm: DerValue
  readonly issuer: DerValue
  /** Authority key identifier, and where to ask about revocation. */
  readonly extensions: readonly DerValue[]
  readonly certificate: X509Certificate
  readonly chain: string
}

const known = new WeakMap<Authority, Issuing>()

function issuingBy(authority: Authority): Issuing {
  const remembered = known.get(authority)
  if (remembered) return remembered
  const certificate = new X509Certificate(authority.certificate)
  // Then each signature is one that the certificate's key verifies, unless OpenSSL itself computes wrongly.
  if (!certificate.checkPrivateKey(authority.privateKey))
    throw new Fault('key_unavailable', 'the key of the authority is not that of its certificate')
  const issuing: Issuing = {
    algorithm: raw(requireAlgorithm(authority.privateKey).identifier),
    issuer: raw(authority.subject),
    extensions: [authorityKeyIdentifier(authority.subjectKeyId), ...revocationPointers(authority.urls)].map(asEncoded),
    certificate,
    chain: authority.chain.map((pem) => `${pem.trim()}\n`).join(''),
  }
  known.set(authority, issuing)
  return issuing
}

const asEncoded = (value: DerValue): DerValue => raw(encode(value))

const encodedOid = (dotted: string): DerValue => asEncoded(oid(dotted))

const VERSION_3 = asEncoded(explicit(0, integer(2)))
const EMPTY_NAME = asEncoded(sequence())
const COMMON_NAME = encodedOid(OIDS.commonName)
const SUBJECT_KEY_IDENTIFIER = encodedOid(OIDS.subjectKeyIdentifier)
const SUBJECT_ALT_NAME = encodedOid(OIDS.subjectAltName)
const PROVENANCE = encodedOid(PROVENANCE_EXTENSION)

const DIGITAL_SIGNATURE = 0

/**
 * No CA (RFC 5280 §4.2.1.9); signs, and does nothing else, whatever the kind of key: in every cipher suite of
 * TLS 1.3, and in those of 1.2 that are still used, a client proves its key by a signature, and clientAuth
 * goes with no other usage that an RSA key has (§4.2.1.12).
 */
const CONSTANT_EXTENSIONS: readonly DerValue[] = [
  extension(OIDS.basicConstraints, sequence(), true),
  extension(OIDS.keyUsage, namedBits([DIGITAL_SIGNATURE]), true),
  extension(OIDS.extKeyUsage, sequence(oid(OIDS.clientAuth))),
].map(asEncoded)

const DNS_NAME = 2

function revocationPointers(urls: AuthorityUrls | undefined): readonly DerValue[] {
  if (urls === undefined) return []
  return [
    extension(
      OIDS.authorityInfoAccess,
      sequence(sequence(oid(OIDS.ocsp), uriName(urls.ocsp)), sequence(oid(OIDS.caIssuers), uriName(urls.issuer))),
    ),
    crlDistributionPoint(urls.crl),
  ]
}

/** RFC 5280 §4.1.2. */
function buildTbs(template: CertificateTemplate, issuing: Issuing): DerValue {
  const { id, request, notBefore, notAfter, names } = template
  return sequence(
    VERSION_3,
    integer(serialOf(id)),
    issuing.algorithm,
    issuing.issuer,
    sequence(time(notBefore), time(notAfter)),
    names?.commonName === undefined ? EMPTY_NAME : subjectOf(names.commonName),
    raw(request.spki),
    explicit(
      3,
      sequence(
        ...CONSTANT_EXTENSIONS,
        extension(SUBJECT_KEY_IDENTIFIER, octetString(keyIdentifierOfBits(request.keyBits))),
        ...issuing.extensions,
        subjectAltName(template),
        extension(PROVENANCE, encodeProvenance(template.provenance)),
      ),
    ),
  )
}

/** 17 bytes, the first of which is 0x40 to 0x7f: positive, and within the 20 of RFC 5280 §4.1.2.2. */
const serialOf = (id: CredentialId): Buffer => Buffer.from(id.slice(3), 'hex')

const subjectOf = (commonName: string): DerValue => sequence(set(sequence(COMMON_NAME, utf8String(commonName))))

/** Critical when there is no other name (RFC 5280 §4.2.1.6). */
function subjectAltName({ spiffeId, names }: CertificateTemplate): DerValue {
  const dns = (names?.dns ?? []).map((name) => implicit(DNS_NAME, ia5String(name)))
  return extension(SUBJECT_ALT_NAME, sequence(uriName(spiffeId), ...dns), names?.commonName === undefined)
}

/**
 * Reads back what was signed by OpenSSL, which knows nothing of how it was built. The signature itself is not verified:
 * its key is known to be the certificate's, a wrong one would only make a certificate that nobody accepts, and
 * verifying would add a sixth to what issuing costs, of which reading back is a third already (docs/performance.md).
 */
function checkCertificate(der: Buffer, template: CertificateTemplate, { certificate: issuer }: Issuing): void {
  const difference = differenceOf(readBack(der), template, issuer)
  if (difference !== undefined)
    throw new Fault('key_unavailable', `a certificate was signed with another ${difference} than asked for`)
}

function readBack(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    throw new Fault('key_unavailable', 'a certificate was signed that cannot be read', { cause })
  }
}

function differenceOf(read: X509Certificate, template: CertificateTemplate, issuer: X509Certificate) {
  const { id, request, notBefore, notAfter } = template
  if (read.serialNumber !== id.slice(3).toUpperCase()) return 'serial number'
  if (!read.checkIssued(issuer)) return 'issuer'
  // Absent where the subject is empty, which the types do not know.
  if ((read.subject as string | undefined) !== subjectText(template)) return 'subject'
  if (read.subjectAltName !== altNameText(template)) return 'subject alternative name'
  if (secondsOf(read.validFrom) !== notBefore || secondsOf(read.validTo) !== notAfter) return 'validity'
  if (read.ca) return 'basic constraint'
  return read.publicKey.equals(request.publicKey) ? undefined : 'public key'
}

/** As OpenSSL prints a name (RFC 2253 §2.4), which does not quote a `#` that is all of it. */
const subjectText = ({ names }: CertificateTemplate): string | undefined =>
  names?.commonName === undefined ? undefined : `CN=${names.commonName.replace(/^#(?=[^])|[,+"\\<>;]/g, '\\$&')}`

const altNameText = ({ spiffeId, names }: CertificateTemplate): string =>
  [`URI:${spiffeId}`, ...(names?.dns ?? []).map((name) => `DNS:${name}`)].join(', ')

/** OpenSSL writes `Nov  2 10:20:30 2026 GMT`. */
const secondsOf = (text: string): EpochSeconds => Date.parse(text) / 1000
