import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import * as der from '../../src/x509/write-der.js'
import type { DerValue } from '../../src/x509/write-der.js'
import { OIDS } from '../../src/x509/oids.js'

/** Certificates and CRLs as a test wants them, well-formed or not. Keys are generated. */
export interface TestKey {
  readonly privateKey: KeyObject
  readonly spki: Buffer
}

export function testKey(type: 'P-256' | 'P-384' | 'ed25519' | 'rsa' = 'P-256', rsaBits = 2048): TestKey {
  const { privateKey, publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: rsaBits })
      : type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: type })
  return { privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) }
}

export interface CertificateShape {
  readonly subject?: DerValue
  readonly key?: TestKey
  readonly serial?: DerValue
  readonly notBefore?: number
  readonly notAfter?: number
  readonly version?: DerValue
  /** Absent: `{ ca: false }` is not written; `null`: the extension is left out even for a CA. */
  readonly ca?: boolean
  readonly pathLength?: number
  readonly keyUsage?: readonly number[] | null
  readonly purposes?: readonly string[]
  readonly names?: readonly DerValue[]
  readonly permitted?: readonly DerValue[]
  readonly excluded?: readonly DerValue[]
  /** After all others. */
  readonly extensions?: readonly DerValue[]
  readonly signatureOid?: string
  readonly digest?: string
}

/** Somebody who signs: an authority with its name and key, or a leaf that has no right to. */
export interface Holder {
  readonly der: Buffer
  readonly name: DerValue
  readonly key: TestKey
}

export const NOW = 1_790_000_000
const DAY = 86_400

export const nameOf = (commonName: string, organization?: string): DerValue =>
  der.sequence(
    ...(organization === undefined ? [] : [attribute(OIDS.organizationName, organization)]),
    attribute(OIDS.commonName, commonName),
  )

const attribute = (type: string, text: string): DerValue => der.set(der.sequence(der.oid(type), der.utf8String(text)))

export const uri = (text: string): DerValue => der.implicit(6, der.ia5String(text))
export const dns = (text: string): DerValue => der.implicit(2, der.ia5String(text))
export const email = (text: string): DerValue => der.implicit(1, der.ia5String(text))
export const ip = (...octets: readonly number[]): DerValue => der.implicit(7, der.octetString(Buffer.from(octets)))
export const directory = (name: DerValue): DerValue => der.explicit(4, name)

export const extension = (type: string, value: DerValue, critical = false): DerValue =>
  der.sequence(der.oid(type), ...(critical ? [der.boolean(true)] : []), der.octetString(der.encode(value)))

/** Key usage bits (RFC 5280 §4.2.1.3). */
export const BITS = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const

/** A certificate by `issuer`, or by itself. */
export function certify(shape: CertificateShape, issuer?: Holder): Holder {
  const key = shape.key ?? testKey()
  const name = shape.subject ?? nameOf(shape.ca === true ? 'Test CA' : 'test leaf')
  const signer = issuer?.key ?? key
  const algorithm = algorithmOf(signer, shape)
  const tbs = der.sequence(
    shape.version ?? der.explicit(0, der.integer(2)),
    shape.serial ?? der.integer(Math.floor(Math.random() * 2 ** 40) + 1),
    algorithm,
    issuer?.name ?? name,
    der.sequence(der.time(shape.notBefore ?? NOW - DAY), der.time(shape.notAfter ?? NOW + DAY)),
    name,
    der.raw(key.spki),
    ...extensionsOf(shape),
  )
  return { der: signed(tbs, algorithm, signer, shape.digest), name, key }
}

function extensionsOf(shape: CertificateShape): readonly DerValue[] {
  const { ca = false, pathLength, keyUsage = ca ? [BITS.keyCertSign, BITS.cRLSign] : [BITS.digitalSignature] } = shape
  const list = [
    ...(ca ? [extension(OIDS.basicConstraints, basicConstraints(pathLength), true)] : []),
    ...(keyUsage === null ? [] : [extension(OIDS.keyUsage, der.namedBits(keyUsage), true)]),
    ...(shape.purposes === undefined
      ? []
      : [extension(OIDS.extKeyUsage, der.sequence(...shape.purposes.map((purpose) => der.oid(purpose))))]),
    ...(shape.names === undefined ? [] : [extension(OIDS.subjectAltName, der.sequence(...shape.names))]),
    ...(shape.permitted === undefined && shape.excluded === undefined
      ? []
      : [extension(OIDS.nameConstraints, constraints(shape), true)]),
    ...(shape.extensions ?? []),
  ]
  return list.length === 0 ? [] : [der.explicit(3, der.sequence(...list))]
}

const basicConstraints = (pathLength: number | undefined): DerValue =>
  der.sequence(der.boolean(true), ...(pathLength === undefined ? [] : [der.integer(pathLength)]))

const constraints = ({ permitted = [], excluded = [] }: CertificateShape): DerValue =>
  der.sequence(
    ...[permitted, excluded].flatMap((bases, tag) =>
      bases.length === 0 ? [] : [der.implicit(tag, der.sequence(...bases.map((base) => der.sequence(base))))],
    ),
  )

function algorithmOf({ privateKey }: TestKey, { signatureOid }: Pick<CertificateShape, 'signatureOid'>): DerValue {
  switch (privateKey.asymmetricKeyType) {
    case 'rsa':
      return der.sequence(der.oid(signatureOid ?? OIDS.sha256WithRsaEncryption), der.nothing())
    case 'ed25519':
      return der.sequence(der.oid(signatureOid ?? OIDS.ed25519))
    default:
      return der.sequence(der.oid(signatureOid ?? OIDS.ecdsaWithSha256))
  }
}

function signed(tbs: DerValue, algorithm: DerValue, { privateKey }: TestKey, digest = 'sha256'): Buffer {
  const bytes = der.encode(tbs)
  const signature = sign(privateKey.asymmetricKeyType === 'ed25519' ? null : digest, bytes, privateKey)
  return der.encode(der.sequence(der.raw(bytes), algorithm, der.bitString(signature)))
}

export interface CrlShape {
  readonly thisUpdate?: number
  readonly nextUpdate?: number | null
  /** Serial numbers. */
  readonly revoked?: readonly DerValue[]
  readonly extensions?: readonly DerValue[]
  readonly entryExtensions?: readonly DerValue[]
}

export function revocationList(issuer: Holder, shape: CrlShape = {}): Buffer {
  const algorithm = algorithmOf(issuer.key, {})
  const { nextUpdate = NOW + DAY, revoked = [], entryExtensions = [] } = shape
  const entries = revoked.map((serial) =>
    der.sequence(
      serial,
      der.time(NOW - 60),
      ...(entryExtensions.length === 0 ? [] : [der.sequence(...entryExtensions)]),
    ),
  )
  const tbs = der.sequence(
    der.integer(1),
    algorithm,
    issuer.name,
    der.time(shape.thisUpdate ?? NOW - 60),
    ...(nextUpdate === null ? [] : [der.time(nextUpdate)]),
    ...(entries.length === 0 ? [] : [der.sequence(...entries)]),
    ...(shape.extensions === undefined ? [] : [der.explicit(0, der.sequence(...shape.extensions))]),
  )
  return signed(tbs, algorithm, issuer.key)
}

export const pem = (certificate: Buffer, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${(certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`
