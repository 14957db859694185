import fc from 'fast-check'
import { describe, expect, test } from '@jest/globals'
import { parseCertificate } from '../../../src/x509/certificate.js'
import { parseCrl } from '../../../src/x509/crl.js'
import { readDer } from '../../../src/x509/read-der.js'
import * as der from '../../../src/x509/write-der.js'
import { OIDS } from '../../../src/x509/oids.js'
import * as certs from '../../support/certificates.js'
import { certify, NOW, type CertificateShape } from '../../support/certificates.js'

const read = (shape: CertificateShape) => {
  const parsed = parseCertificate(certify(shape).der)
  return parsed.ok ? parsed.value : parsed.refusal
}
const extension = (type: string, value: der.DerValue, critical = false): CertificateShape => ({
  extensions: [certs.extension(type, value, critical)],
})

describe('a certificate', () => {
  test('is read into its fields', () => {
    const parsed = read({
      subject: certs.nameOf('seven', 'Example'),
      serial: der.integer(0x1234),
      notBefore: NOW,
      notAfter: NOW + 60,
      ca: true,
      pathLength: 3,
      purposes: [OIDS.clientAuth],
      names: [certs.uri('urn:a'), certs.dns('a.example.com'), certs.email('a@example.com'), certs.ip(127, 0, 0, 1)],
      permitted: [certs.dns('example.com')],
      extensions: [
        certs.extension(OIDS.subjectKeyIdentifier, der.octetString(Buffer.from('01', 'hex'))),
        certs.extension(
          OIDS.authorityKeyIdentifier,
          der.sequence(der.implicit(0, der.octetString(Buffer.from('02', 'hex')))),
        ),
        certs.extension('1.2.3.4', der.nothing(), true),
        certs.extension('1.2.3.5', der.nothing()),
      ],
    })
    expect(parsed).toMatchObject({
      serialNumber: '1234',
      notBefore: NOW,
      notAfter: NOW + 60,
      subject: { attributes: [{ text: 'Example' }, { text: 'seven' }] },
      basicConstraints: { ca: true, pathLength: 3 },
      keyUsage: new Set(['keyCertSign', 'cRLSign']),
      extendedKeyUsage: [OIDS.clientAuth],
      subjectAltNames: [
        { form: 'uri', text: 'urn:a' },
        { form: 'dns', text: 'a.example.com' },
        { form: 'email', text: 'a@example.com' },
        { form: 'ip', octets: Buffer.from([127, 0, 0, 1]) },
      ],
      nameConstraints: { permitted: [{ form: 'dns', text: 'example.com' }], excluded: [] },
      subjectKeyId: Buffer.from('01', 'hex'),
      authorityKeyId: Buffer.from('02', 'hex'),
      unknownCritical: ['1.2.3.4'],
    })
  })

  const KU = OIDS.keyUsage
  const none = { keyUsage: null } as const
  test.each<[string, CertificateShape, string]>([
    ['§4.1.2.1: version 1', { version: der.explicit(0, der.integer(0)) }, 'not of version 3'],
    ['§4.1.2.2: a serial number of zero', { serial: der.integer(0) }, 'the serial number is not positive'],
    ['§4.1.2.2: a negative serial number', { serial: der.integer(-1) }, 'the serial number is not positive'],
    ['§4.1.2.2: more than 20 octets', { serial: der.integer(Buffer.alloc(21, 1)) }, 'the serial number is too long'],
    ['§4.1.2.4: no issuer', { subject: der.sequence() }, 'a name is malformed'],
    [
      '§4.1.2.4: an attribute without a value',
      { subject: der.sequence(der.set(der.sequence(der.oid('2.5.4.3')))) },
      'a name is malformed',
    ],
    [
      '§4.2: an extension twice',
      { extensions: [1, 2].map(() => certs.extension('1.2.3.4', der.nothing())) },
      'an extension stands there twice',
    ],
    [
      'X.690 §11.5: critical FALSE, written',
      { extensions: [der.sequence(der.oid('1.2.3'), der.boolean(false), der.octetString(Buffer.from('0500', 'hex')))] },
      'an extension is malformed',
    ],
    [
      'an extension that holds no DER',
      { extensions: [der.sequence(der.oid('1.2.3'), der.octetString(Buffer.from('05', 'hex')))] },
      'an extension is malformed',
    ],
    [
      '§4.2.1.3: no key usage at all',
      { ...none, ...extension(KU, der.namedBits([])) },
      `the extension ${KU} is malformed`,
    ],
    [
      '§4.2.1.6: no names',
      extension(OIDS.subjectAltName, der.sequence()),
      `the extension ${OIDS.subjectAltName} is malformed`,
    ],
    ['§4.2.1.6: an empty name', { names: [certs.dns('')] }, `the extension ${OIDS.subjectAltName} is malformed`],
    [
      'a NUL in a name',
      { names: [der.implicit(2, der.octetString(Buffer.from('a.com\0.b.com')))] },
      `the extension ${OIDS.subjectAltName} is malformed`,
    ],
    [
      '§4.2.1.6: an address of five octets',
      { names: [certs.ip(1, 2, 3, 4, 5)] },
      `the extension ${OIDS.subjectAltName} is malformed`,
    ],
    [
      '§4.2.1.9: a path length without cA',
      extension(OIDS.basicConstraints, der.sequence(der.integer(1))),
      `the extension ${OIDS.basicConstraints} is malformed`,
    ],
    [
      '§4.2.1.9: a negative path length',
      extension(OIDS.basicConstraints, der.sequence(der.boolean(true), der.integer(-1))),
      `the extension ${OIDS.basicConstraints} is malformed`,
    ],
    [
      '§4.2.1.10: constraints of nothing',
      extension(OIDS.nameConstraints, der.sequence()),
      `the extension ${OIDS.nameConstraints} is malformed`,
    ],
    [
      '§4.2.1.10: minimum',
      extension(
        OIDS.nameConstraints,
        der.sequence(der.implicit(0, der.sequence(der.sequence(certs.dns('a'), der.implicit(0, der.integer(1)))))),
      ),
      `the extension ${OIDS.nameConstraints} is malformed`,
    ],
    [
      '§4.2.1.10: a mask with holes',
      { permitted: [certs.ip(10, 0, 0, 0, 255, 0, 255, 0)] },
      `the extension ${OIDS.nameConstraints} is malformed`,
    ],
    [
      '§4.2.1.10: a dot before a domain',
      { permitted: [certs.dns('.example.com')] },
      `the extension ${OIDS.nameConstraints} is malformed`,
    ],
    ['§4.2.1.12: no purposes', { purposes: [] }, `the extension ${OIDS.extKeyUsage} is malformed`],
  ])('RFC 5280 %s is refused', (_, shape, expected) => {
    expect(read(shape)).toBe(expected)
  })

  test('RFC 5280 §4.1.1.2: two algorithms in one certificate', () => {
    const { der: bytes } = certify({})
    const outer = readDer(bytes)
    const [tbs, , signature] = outer?.children ?? []
    const other = der.sequence(der.oid(OIDS.ecdsaWithSha384))
    const changed = der.encode(
      der.sequence(der.raw(tbs?.bytes ?? Buffer.alloc(0)), other, der.raw(signature?.bytes ?? Buffer.alloc(0))),
    )
    expect(parseCertificate(changed)).toEqual({ ok: false, refusal: 'names two signature algorithms' })
  })

  test('who names nobody', () => {
    const issuer = certify({ ca: true })
    expect(parseCertificate(certify({ subject: der.sequence() }, issuer).der)).toEqual({
      ok: false,
      refusal: 'names nobody',
    })
    expect(parseCertificate(certify({ subject: der.sequence(), names: [certs.uri('urn:a')] }, issuer).der).ok).toBe(
      true,
    )
  })
})

describe('whatever the bytes are', () => {
  const issuer = certify({
    ca: true,
    permitted: [certs.dns('example.com')],
    excluded: [certs.ip(10, 0, 0, 0, 255, 0, 0, 0)],
  })
  const good = certify({ names: [certs.uri('urn:a'), certs.directory(certs.nameOf('x'))] }, issuer).der
  const list = certs.revocationList(issuer, { revoked: [der.integer(1), der.integer(2)] })

  test('truncations and changed bytes give a value or a refusal, never a fault', () => {
    const spoilt = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 0, max: good.length }).map((length) => good.subarray(0, length)),
      fc
        .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
        .map((changes) => changes.reduce((bytes, [at, to]) => Buffer.from(bytes).fill(to, at, at + 1), good)),
      fc
        .array(fc.tuple(fc.nat(list.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
        .map((changes) => changes.reduce((bytes, [at, to]) => Buffer.from(bytes).fill(to, at, at + 1), list)),
    )
    fc.assert(
      fc.property(spoilt, (bytes) => {
        expect([true, false]).toContain(parseCertificate(bytes).ok)
        expect([true, false]).toContain(parseCrl(bytes).ok)
      }),
      { numRuns: 2000 },
    )
  })
})
