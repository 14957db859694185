/*
 * Certificates as others made them, read strictly (RFC 5280 §4): what two readers could read differently is refused. What is
 * read here is believed only after path-validation.ts. Certificates that Errand makes itself come from issuance/.
 */
import { ok, refuse, type Result } from '../runtime/result.js'
import type { EpochSeconds } from '../runtime/clock.js'
import {
  bitStringOf,
  booleanOf,
  integerOf,
  isContext,
  isUniversal,
  octetStringOf,
  oidOf,
  readDer,
  timeOf,
  type DerNode,
} from './read-der.js'
import { readExtension } from './extension.js'
import { parseGeneralNames, type GeneralName } from './general-name.js'
import { parseName, type Name } from './name.js'
import { parseNameConstraints, type NameConstraints } from './name-constraints.js'
import { OIDS } from './oids.js'
import { signatureAlgorithmOf, type SignatureAlgorithm } from './signature.js'

export interface ParsedCertificate {
  readonly der: Buffer
  /** What is signed. */
  readonly tbs: Buffer
  /** Hex, as it is encoded. */
  readonly serialNumber: string
  /** `undefined`: unknown or weak. */
  readonly algorithm: SignatureAlgorithm | undefined
  readonly signature: Buffer
  readonly issuer: Name
  readonly subject: Name
  readonly notBefore: EpochSeconds
  readonly notAfter: EpochSeconds
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Buffer
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  readonly keyUsage?: ReadonlySet<KeyUsage>
  /** Dotted object identifiers. */
  readonly extendedKeyUsage?: readonly string[]
  readonly subjectAltNames: readonly GeneralName[]
  readonly nameConstraints?: NameConstraints
  readonly subjectKeyId?: Buffer
  readonly authorityKeyId?: Buffer
  /** Critical extensions that nobody here understands, policies among them: a path with such a certificate is refused. */
  readonly unknownCritical: readonly string[]
}

/** RFC 5280 §4.2.1.3, in the order of their bits. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

export type KeyUsage = (typeof KEY_USAGES)[number]

/** What is wrong, for the log: it holds nothing of the certificate. */
export type CertificateRefusal = string

export function parseCertificate(der: Uint8Array): Result<ParsedCertificate, CertificateRefusal> {
  const root = readDer(der)
  if (root === undefined) return refuse('not DER')
  const [tbs, algorithm, signature, ...rest] = root.children
  if (!isUniversal(root, 'sequence') || !isUniversal(tbs, 'sequence') || algorithm === undefined || rest.length > 0)
    return refuse('not a certificate')
  const bits = bitStringOf(signature)
  if (bits?.unusedBits !== 0) return refuse('the signature is not a string of octets')
  const fields = readFields(tbs)
  if (!fields.ok) return fields
  const { innerAlgorithm, extensions, ...body } = fields.value
  // Else the algorithm could be changed without the signature (§4.1.1.2).
  if (!innerAlgorithm.bytes.equals(algorithm.bytes)) return refuse('names two signature algorithms')
  const known = readExtensions(extensions)
  if (!known.ok) return known
  if (body.subject.rdns.length === 0 && known.value.subjectAltNames.length === 0) return refuse('names nobody')
  return ok({
    der: root.bytes,
    tbs: tbs.bytes,
    algorithm: signatureAlgorithmOf(algorithm),
    signature: bits.bytes,
    ...body,
    ...known.value,
  })
}

interface Fields {
  readonly serialNumber: string
  readonly innerAlgorithm: DerNode
  readonly issuer: Name
  readonly subject: Name
  readonly notBefore: EpochSeconds
  readonly notAfter: EpochSeconds
  readonly spki: Buffer
  readonly extensions: readonly DerNode[]
}

const MAX_SERIAL_OCTETS = 20

/** TBSCertificate (§4.1.2). Only version 3: the others have no extensions, so nothing says what they may be used for. */
function readFields(tbs: DerNode): Result<Fields, CertificateRefusal> {
  const [version, serial, innerAlgorithm, issuerNode, validity, subjectNode, spki, ...optional] = tbs.children
  if (!isContext(version, 0) || version.children.length !== 1 || integerOf(version.children[0]) !== 2n)
    return refuse('not of version 3')
  const number = integerOf(serial)
  if (serial === undefined || number === undefined || number <= 0n) return refuse('the serial number is not positive')
  const digits = number.toString(16)
  if (digits.length > MAX_SERIAL_OCTETS * 2) return refuse('the serial number is too long')
  const issuer = parseName(issuerNode)
  const subject = parseName(subjectNode)
  if (issuer === undefined || subject === undefined || issuer.rdns.length === 0) return refuse('a name is malformed')
  const times = readValidity(validity)
  if (times === undefined) return refuse('the validity is malformed')
  if (!isUniversal(innerAlgorithm, 'sequence') || !isUniversal(spki, 'sequence')) return refuse('the key is malformed')
  const extensions = readOptional(optional)
  if (extensions === undefined) return refuse('the extensions are malformed')
  return ok({
    serialNumber: serial.content.toString('hex'),
    innerAlgorithm,
    issuer,
    subject,
    ...times,
    spki: spki.bytes,
    extensions,
  })
}

function readValidity(
  node: DerNode | undefined,
): { readonly notBefore: EpochSeconds; readonly notAfter: EpochSeconds } | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length !== 2) return undefined
  const notBefore = timeOf(node.children[0])
  const notAfter = timeOf(node.children[1])
  return notBefore === undefined || notAfter === undefined ? undefined : { notBefore, notAfter }
}

/** Two unique identifiers that nobody uses (§4.1.2.8), and the extensions. */
function readOptional(nodes: readonly DerNode[]): readonly DerNode[] | undefined {
  let extensions: readonly DerNode[] = []
  let last = 0
  for (const node of nodes) {
    if (node.tagClass !== 'context' || node.tag <= last || node.tag > 3) return undefined
    last = node.tag
    if (node.tag !== 3) continue
    const [list, ...rest] = node.children
    if (!isUniversal(list, 'sequence') || list.children.length === 0 || rest.length > 0) return undefined
    extensions = list.children
  }
  return extensions
}

type Known = Pick<
  ParsedCertificate,
  | 'basicConstraints'
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'subjectAltNames'
  | 'nameConstraints'
  | 'subjectKeyId'
  | 'authorityKeyId'
  | 'unknownCritical'
>

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function readExtensions(nodes: readonly DerNode[]): Result<Known, CertificateRefusal> {
  const known: Mutable<Known> = { subjectAltNames: [], unknownCritical: [] }
  const unknownCritical: string[] = []
  const seen = new Set<string>()
  for (const node of nodes) {
    const extension = readExtension(node)
    if (extension === undefined) return refuse('an extension is malformed')
    const { type, critical, value } = extension
    if (seen.has(type)) return refuse('an extension stands there twice')
    seen.add(type)
    const read = READERS.get(type)
    if (read === undefined) {
      if (critical) unknownCritical.push(type)
      continue
    }
    const parts = read(value)
    if (parts === undefined) return refuse(`the extension ${type} is malformed`)
    Object.assign(known, parts)
  }
  return ok({ ...known, unknownCritical })
}

/** §4.2.1; each gives its part of a certificate, or `undefined` when the extension is malformed. */
const READERS = new Map<string, (value: DerNode) => Partial<Known> | undefined>([
  [OIDS.subjectKeyIdentifier, (value) => defined(octetStringOf(value), (subjectKeyId) => ({ subjectKeyId }))],
  [OIDS.keyUsage, (value) => defined(readKeyUsage(value), (keyUsage) => ({ keyUsage }))],
  [OIDS.subjectAltName, (value) => defined(parseGeneralNames(value), (subjectAltNames) => ({ subjectAltNames }))],
  [
    OIDS.basicConstraints,
    (value) => defined(readBasicConstraints(value), (basicConstraints) => ({ basicConstraints })),
  ],
  [OIDS.nameConstraints, (value) => defined(parseNameConstraints(value), (nameConstraints) => ({ nameConstraints }))],
  [OIDS.authorityKeyIdentifier, readAuthorityKeyId],
  [OIDS.extKeyUsage, (value) => defined(readPurposes(value), (extendedKeyUsage) => ({ extendedKeyUsage }))],
])

const defined = <T, R>(value: T | undefined, then: (value: T) => R): R | undefined =>
  value === undefined ? undefined : then(value)

/** At least one bit, and no trailing zeros (X.690 §11.2.2). */
function readKeyUsage(node: DerNode): ReadonlySet<KeyUsage> | undefined {
  const bits = bitStringOf(node)
  if (bits === undefined || bits.bytes.length === 0 || bits.bytes.length > 2) return undefined
  const usages = KEY_USAGES.filter((_, at) => ((bits.bytes[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0)
  return usages.length === 0 ? undefined : new Set(usages)
}

function readBasicConstraints(node: DerNode): ParsedCertificate['basicConstraints'] | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length > 2) return undefined
  const [first, second] = node.children
  if (first === undefined) return { ca: false }
  // `cA` is not written where it is false, and only a CA has a path length (§4.2.1.9).
  if (booleanOf(first) !== true) return undefined
  if (second === undefined) return { ca: true }
  const length = integerOf(second)
  if (length === undefined || length < 0n || length > 1000n) return undefined
  return { ca: true, pathLength: Number(length) }
}

const MAX_PURPOSES = 64

function readPurposes(node: DerNode): readonly string[] | undefined {
  if (!isUniversal(node, 'sequence') || node.children.length === 0 || node.children.length > MAX_PURPOSES)
    return undefined
  const purposes = node.children.map(oidOf).filter((purpose) => purpose !== undefined)
  return purposes.length === node.children.length ? purposes : undefined
}

/** Of its three members the key identifier alone is used (§4.2.1.1). */
function readAuthorityKeyId(node: DerNode): Partial<Known> | undefined {
  if (!isUniversal(node, 'sequence')) return undefined
  const key = node.children.find((child) => isContext(child, 0))
  if (key === undefined) return {}
  return key.constructed ? undefined : { authorityKeyId: key.content }
}
