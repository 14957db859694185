// @ts-check
// Sound requests, certificates and CRLs of every shape that we know, with keys of this run.
import { generateKeyPairSync, hash } from 'node:crypto'
import * as der from '../../../dist/x509/write-der.js'
import { OIDS } from '../../../dist/x509/oids.js'
import { requireAlgorithm, signBytes } from '../../../dist/x509/signing.js'
import { keyIdentifierOf, spkiOf } from '../../../dist/x509/spki.js'

/** @typedef {import('node:crypto').KeyObject} KeyObject */
/** @typedef {import('../../../dist/issuance/authority.js').Authority} Authority */
/** @typedef {{ name: string, kind: 'csr' | 'certificate' | 'crl', der: Buffer, key: KeyObject }} Sample `key` signed it */

const keys = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}

const nameOf = (/** @type {string} */ text) =>
  der.sequence(
    der.set(der.sequence(der.oid(OIDS.organizationName), der.utf8String('Fuzz'))),
    der.set(der.sequence(der.oid(OIDS.commonName), der.utf8String(text))),
  )

const extension = (/** @type {string} */ type, /** @type {der.DerValue} */ value, critical = false) =>
  der.sequence(der.oid(type), ...(critical ? [der.boolean(true)] : []), der.octetString(der.encode(value)))

const altNames = () =>
  der.sequence(
    der.implicit(2, der.ia5String('admin.example.com')),
    der.implicit(6, der.ia5String('spiffe://errand.example.com/other')),
    der.implicit(7, der.octetString(Buffer.from([10, 0, 0, 1]))),
    der.explicit(4, nameOf('directory')),
  )

/**
 * @param {der.DerValue} body
 * @param {KeyObject} key
 */
function signed(body, key) {
  const bytes = der.encode(body)
  const { identifier } = requireAlgorithm(key)
  return der.encode(der.sequence(der.raw(bytes), der.raw(identifier), der.bitString(signBytes(key, bytes))))
}

/**
 * @param {KeyObject} key
 * @param {readonly der.DerValue[]} attributes
 */
const csrBody = (key, attributes) =>
  der.sequence(der.integer(0), nameOf('asked for'), der.raw(spkiOf(key)), der.implicit(0, der.set(...attributes)))

/** @param {KeyObject} key */
export const requestFor = (key) => signed(csrBody(key, []), key)

const attributesOf = () => [
  der.sequence(
    der.oid(OIDS.extensionRequest),
    der.set(
      der.sequence(
        extension(OIDS.subjectAltName, altNames()),
        extension(OIDS.basicConstraints, der.sequence(der.boolean(true)), true),
      ),
    ),
  ),
  der.sequence(der.oid('1.2.840.113549.1.9.7'), der.set(der.utf8String('challenge'))),
]

/**
 * @param {object} shape
 * @param {string} shape.issuer
 * @param {string} shape.subject
 * @param {KeyObject} shape.key
 * @param {KeyObject} shape.by
 * @param {number} shape.from
 * @param {readonly der.DerValue[]} shape.extensions
 */
const certificateOf = ({ issuer, subject, key, by, from, extensions }) =>
  signed(
    der.sequence(
      der.explicit(0, der.integer(2)),
      der.integer(BigInt(`0x40${hash('sha256', subject).slice(0, 30)}`)),
      der.raw(requireAlgorithm(by).identifier),
      nameOf(issuer),
      der.sequence(der.time(from), der.time(from + 86_400)),
      nameOf(subject),
      der.raw(spkiOf(key)),
      der.explicit(
        3,
        der.sequence(
          extension(OIDS.subjectKeyIdentifier, der.octetString(keyIdentifierOf(spkiOf(key)))),
          extension(
            OIDS.authorityKeyIdentifier,
            der.sequence(der.implicit(0, der.octetString(keyIdentifierOf(spkiOf(by))))),
          ),
          ...extensions,
        ),
      ),
    ),
    by,
  )

const CA = [
  extension(OIDS.basicConstraints, der.sequence(der.boolean(true), der.integer(1)), true),
  extension(OIDS.keyUsage, der.namedBits([5, 6]), true),
]

/** @param {number} now */
export function makeCorpus(now) {
  const [rootKey, middleKey, leafKey] = [keys['P-256'](), keys['P-384'](), keys.RSA()]
  const from = now - 60
  const constraints = der.sequence(
    der.implicit(0, der.sequence(der.sequence(der.implicit(2, der.ia5String('example.com'))))),
    der.implicit(
      1,
      der.sequence(der.sequence(der.implicit(7, der.octetString(Buffer.from('0a000000ff000000', 'hex'))))),
    ),
  )
  const root = certificateOf({ issuer: 'root', subject: 'root', key: rootKey, by: rootKey, from, extensions: CA })
  const middle = certificateOf({
    issuer: 'root',
    subject: 'middle',
    key: middleKey,
    by: rootKey,
    from,
    extensions: [
      extension(OIDS.basicConstraints, der.sequence(der.boolean(true), der.integer(0)), true),
      extension(OIDS.keyUsage, der.namedBits([5]), true),
      extension(OIDS.nameConstraints, constraints, true),
    ],
  })
  const leaf = certificateOf({
    issuer: 'middle',
    subject: 'leaf',
    key: leafKey,
    by: middleKey,
    from,
    extensions: [
      extension(OIDS.keyUsage, der.namedBits([0]), true),
      extension(OIDS.extKeyUsage, der.sequence(der.oid(OIDS.clientAuth))),
      extension(OIDS.subjectAltName, der.sequence(der.implicit(2, der.ia5String('leaf.example.com')))),
    ],
  })
  const crl = signed(
    der.sequence(
      der.integer(1),
      der.raw(requireAlgorithm(rootKey).identifier),
      nameOf('root'),
      der.time(from),
      der.time(from + 3600),
      der.sequence(
        ...[1, 2, 3].map((serial) =>
          der.sequence(
            der.integer(serial),
            der.time(from),
            der.sequence(extension(OIDS.reasonCode, der.enumerated(serial))),
          ),
        ),
      ),
      der.explicit(0, der.sequence(extension(OIDS.crlNumber, der.integer(7)))),
    ),
    rootKey,
  )
  /** @type {Authority} */
  const authority = {
    id: hash('sha256', root).slice(0, 16),
    certificate: root,
    subject: der.encode(nameOf('root')),
    subjectKeyId: keyIdentifierOf(spkiOf(rootKey)),
    privateKey: rootKey,
    notBefore: from,
    notAfter: from + 86_400,
    chain: [],
    urls: {
      crl: 'http://pki.example.com/crl/1',
      ocsp: 'http://pki.example.com/ocsp',
      issuer: 'http://pki.example.com/ca',
    },
  }
  /** @type {Sample[]} */
  const samples = [
    ...Object.entries(keys).flatMap(([name, make]) => {
      const key = make()
      const attributes = [attributesOf(), []]
      return attributes.map((given) => ({
        name: `request ${name}${given.length > 0 ? ' with attributes' : ''}`,
        kind: /** @type {const} */ ('csr'),
        der: signed(csrBody(key, given), key),
        key,
      }))
    }),
    { name: 'root', kind: 'certificate', der: root, key: rootKey },
    { name: 'middle', kind: 'certificate', der: middle, key: rootKey },
    { name: 'leaf', kind: 'certificate', der: leaf, key: middleKey },
    { name: 'crl', kind: 'crl', der: crl, key: rootKey },
  ]
  return { samples, authority, chain: [leaf, middle], anchor: root }
}
