import { createPublicKey } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { parseCertificate, type ParsedCertificate } from '../../../src/x509/certificate.js'
import { parseCrl, type ParsedCrl } from '../../../src/x509/crl.js'
import * as der from '../../../src/x509/write-der.js'
import { OIDS } from '../../../src/x509/oids.js'
import { checkAnchor, validatePath, type PathRules } from '../../../src/x509/path-validation.js'
import * as certs from '../../support/certificates.js'
import {
  BITS,
  certify,
  NOW,
  testKey,
  type CertificateShape,
  type Holder,
  type TestKey,
} from '../../support/certificates.js'

const PURPOSE = { extendedKeyUsage: OIDS.clientAuth, stated: false }

const parsed = (bytes: Buffer): ParsedCertificate => {
  const certificate = parseCertificate(bytes)
  if (!certificate.ok) throw new Error(certificate.refusal)
  return certificate.value
}
const listOf = (bytes: Buffer): ParsedCrl => {
  const crl = parseCrl(bytes)
  if (!crl.ok) throw new Error(crl.refusal)
  return crl.value
}

const root = certify({ ca: true, subject: certs.nameOf('Root') })
const issuing = certify({ ca: true, subject: certs.nameOf('Issuing') }, root)

const validate = (
  chain: readonly (Holder | Buffer)[],
  rules: Partial<PathRules> & { roots?: readonly Holder[] } = {},
) => {
  const { roots = [root], ...rest } = rules
  return validatePath(
    chain.map((one) => (Buffer.isBuffer(one) ? one : one.der)),
    { anchors: roots.map((one) => parsed(one.der)), now: NOW, purpose: PURPOSE, ...rest },
  )
}
const refusal = (...given: Parameters<typeof validate>): string | undefined => {
  const validated = validate(...given)
  return validated.ok ? undefined : `${validated.refusal.reason} at ${validated.refusal.at}`
}
const leafOf = (shape: CertificateShape = {}, issuer = issuing): Holder => certify(shape, issuer)

describe('RFC 5280 §6.1: a chain in order', () => {
  test('from the leaf to below a root that is believed', () => {
    const leaf = leafOf({ notAfter: NOW + 100 })
    expect(validate([leaf, issuing])).toMatchObject({ ok: true, value: { expiresAt: NOW + 100 } })
    expect(validate([certify({}, root)])).toMatchObject({ ok: true })
  })

  test('what ends first ends the path: leaf, CA or anchor', () => {
    const short = certify({ ca: true, subject: certs.nameOf('Short'), notAfter: NOW + 50 }, root)
    expect(validate([leafOf({}, short), short])).toMatchObject({ value: { expiresAt: NOW + 50 } })
    const brief = certify({ ca: true, notAfter: NOW + 20 })
    expect(validate([certify({}, brief)], { roots: [brief] })).toMatchObject({ value: { expiresAt: NOW + 20 } })
  })

  test.each(['P-256', 'P-384', 'ed25519', 'rsa'] as const)('signed with %s', (type) => {
    const ca = certify({ ca: true, key: testKey(type) })
    expect(validate([certify({ key: testKey(type) }, ca)], { roots: [ca] })).toMatchObject({ ok: true })
  })

  test('the root may be sent along, and proves nothing by that', () => {
    expect(validate([leafOf(), issuing, root])).toMatchObject({ ok: true })
    const own = certify({ ca: true, subject: certs.nameOf('Root') })
    expect(refusal([certify({}, own), own])).toMatch(/^path_without_anchor/)
    expect(refusal([root])).toBe('path_without_anchor at 0')
  })

  test('a root of the same name with another key is another root; of two, the right one counts', () => {
    const other = certify({ ca: true, subject: certs.nameOf('Root') })
    expect(refusal([leafOf(), issuing], { roots: [other] })).toBe('path_without_anchor at 1')
    expect(validate([leafOf(), issuing], { roots: [other, root] })).toMatchObject({ ok: true })
  })

  test('out of order, with something between, or with something after it', () => {
    const leaf = leafOf()
    expect(refusal([issuing, leaf])).toBe('path_without_anchor at 1')
    expect(refusal([leaf, leafOf(), issuing])).toBeDefined()
    expect(refusal([leaf, issuing, issuing])).toBeDefined()
    expect(refusal([leaf, root, issuing])).toBeDefined()
    expect(refusal([leaf])).toBe('path_without_anchor at 0')
    expect(refusal([])).toBe('path_empty at 0')
  })

  test('two leaves: a leaf certifies nobody', () => {
    const leaf = leafOf()
    expect(refusal([certify({}, leaf), leaf, issuing])).toBe('certificate_not_a_ca at 1')
    const withUsage = leafOf({ keyUsage: [BITS.digitalSignature, BITS.keyCertSign] })
    expect(refusal([certify({}, withUsage), withUsage, issuing])).toBe('certificate_not_a_ca at 1')
  })

  test('a loop of CAs that certify one another, and a chain without end, cost no more than eight certificates', () => {
    const key = testKey()
    const a = certify({ ca: true, subject: certs.nameOf('A'), key })
    const b = certify({ ca: true, subject: certs.nameOf('B') }, a)
    const aByB = certify({ ca: true, subject: certs.nameOf('A'), key }, b)
    expect(refusal([certify({}, a), aByB, b, aByB, b, aByB, b, a])).toBe('path_without_anchor at 7')
    expect(refusal(Array.from({ length: 9 }, () => issuing))).toBe('path_too_long at 8')
    expect(refusal(Array.from({ length: 100_000 }, () => Buffer.from('not even DER')))).toBe('path_too_long at 8')
  })

  test('any byte of the leaf that is changed', () => {
    const { der: bytes } = leafOf()
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect([at, refusal([changed, issuing]) === undefined]).toEqual([at, false])
    }
  })
})

describe('RFC 5280 §6.1.3 (a): each certificate', () => {
  test('notBefore and notAfter themselves count, a second more does not', () => {
    const leaf = leafOf({ notBefore: NOW, notAfter: NOW + 10 })
    expect(refusal([leaf, issuing], { now: NOW })).toBeUndefined()
    expect(refusal([leaf, issuing], { now: NOW + 10 })).toBeUndefined()
    expect(refusal([leaf, issuing], { now: NOW - 1 })).toBe('certificate_not_yet_valid at 0')
    expect(refusal([leaf, issuing], { now: NOW + 11 })).toBe('certificate_expired at 0')
  })

  test('an expired intermediate, and an expired root', () => {
    const old = certify({ ca: true, subject: certs.nameOf('Old'), notAfter: NOW - 1 }, root)
    expect(refusal([leafOf({}, old), old])).toBe('certificate_expired at 1')
    const oldRoot = certify({ ca: true, notAfter: NOW - 1 })
    expect(refusal([certify({}, oldRoot)], { roots: [oldRoot] })).toBe('certificate_expired at 1')
  })

  test('signed by another key of that name', () => {
    const forged = certify({}, { ...issuing, key: testKey() })
    expect(refusal([forged, issuing])).toBe('certificate_signature_invalid at 0')
  })

  test.each([
    ['SHA-1 with RSA', '1.2.840.113549.1.1.5', 'sha1', 'rsa'],
    ['MD5 with RSA', '1.2.840.113549.1.1.4', 'md5', 'rsa'],
    ['SHA-1 with ECDSA', '1.2.840.10045.4.1', 'sha1', 'P-256'],
  ] as const)('%s', (_, signatureOid, digest, type) => {
    const ca = certify({ ca: true, key: testKey(type) })
    expect(refusal([certify({ signatureOid, digest }, ca)], { roots: [ca] })).toBe(
      'certificate_algorithm_not_allowed at 0',
    )
  })

  test('weak keys: of the leaf, of a CA, of a root', () => {
    const weak = testKey('rsa', 1024)
    expect(refusal([leafOf({ key: weak }), issuing])).toBe('certificate_key_not_allowed at 0')
    const weakCa = certify({ ca: true, subject: certs.nameOf('Weak'), key: weak }, root)
    expect(refusal([certify({}, weakCa), weakCa])).toBe('certificate_key_not_allowed at 1')
    const weakRoot = certify({ ca: true, key: weak })
    expect(refusal([certify({}, weakRoot)], { roots: [weakRoot] })).toBe('certificate_key_not_allowed at 1')
    expect(checkAnchor(parsed(weakRoot.der))).toBe('certificate_key_not_allowed')
  })

  test('keys that would cost more than they prove: an RSA exponent of more than 64 bits', () => {
    const { n } = createPublicKey({ key: testKey('rsa').spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })
    const withExponent = (bytes: number): TestKey => {
      const jwk = { kty: 'RSA', n: n ?? '', e: Buffer.alloc(bytes, 0x7f).toString('base64url') }
      const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' })
      return { ...testKey(), spki }
    }
    expect(refusal([leafOf({ key: withExponent(8) }), issuing])).toBeUndefined()
    for (const bytes of [9, 255])
      expect(refusal([leafOf({ key: withExponent(bytes) }), issuing])).toBe('certificate_key_not_allowed at 0')
  })

  test('a critical extension that nobody understands, in the leaf and in a CA', () => {
    const strange = certs.extension('1.3.6.1.4.1.57264.9.9', der.nothing(), true)
    expect(refusal([leafOf({ extensions: [strange] }), issuing])).toBe('certificate_extension_unknown at 0')
    const ca = certify({ ca: true, subject: certs.nameOf('Strange'), extensions: [strange] }, root)
    expect(refusal([leafOf({}, ca), ca])).toBe('certificate_extension_unknown at 1')
    const harmless = certs.extension('1.3.6.1.4.1.57264.9.9', der.nothing())
    expect(refusal([leafOf({ extensions: [harmless] }), issuing])).toBeUndefined()
  })

  test.each([
    ['certificatePolicies', OIDS.certificatePolicies],
    ['policyConstraints', OIDS.policyConstraints],
    ['policyMappings', OIDS.policyMappings],
    ['inhibitAnyPolicy', OIDS.inhibitAnyPolicy],
  ])('critical %s: policies are not processed, so it is not understood', (_, type) => {
    const policy = certs.extension(type, der.sequence(der.sequence(der.oid(OIDS.anyPolicy))), true)
    expect(refusal([leafOf({ extensions: [policy] }), issuing])).toBe('certificate_extension_unknown at 0')
  })
})

describe('RFC 5280 §6.1.4: CAs', () => {
  test.each([
    ['no basicConstraints', { ca: false, keyUsage: [BITS.keyCertSign] }, 'certificate_not_a_ca at 1'],
    ['a key usage without keyCertSign', { ca: true, keyUsage: [BITS.cRLSign] }, 'certificate_key_usage at 1'],
    ['no key usage at all', { ca: true, keyUsage: null }, undefined],
    ['another purpose', { ca: true, purposes: [OIDS.serverAuth] }, 'certificate_purpose at 1'],
    ['our purpose among its own', { ca: true, purposes: [OIDS.serverAuth, OIDS.clientAuth] }, undefined],
    ['any purpose', { ca: true, purposes: [OIDS.anyExtendedKeyUsage] }, undefined],
  ] as const)('%s', (_, shape, expected) => {
    const ca = certify({ ...shape, subject: certs.nameOf('CA') }, root)
    expect(refusal([leafOf({}, ca), ca])).toBe(expected)
  })

  test('the path length of a CA and of the anchor', () => {
    const zero = certify({ ca: true, subject: certs.nameOf('Zero'), pathLength: 0 }, root)
    const under = certify({ ca: true, subject: certs.nameOf('Under') }, zero)
    expect(refusal([leafOf({}, zero), zero])).toBeUndefined()
    expect(refusal([leafOf({}, under), under, zero])).toBe('certificate_path_length_exceeded at 1')
    const shortRoot = certify({ ca: true, pathLength: 0 })
    const below = certify({ ca: true, subject: certs.nameOf('Below') }, shortRoot)
    expect(refusal([leafOf({}, below), below], { roots: [shortRoot] })).toBe('certificate_path_length_exceeded at 1')
  })

  test('a longer path length further down widens nothing', () => {
    const one = certify({ ca: true, subject: certs.nameOf('One'), pathLength: 1 }, root)
    const wide = certify({ ca: true, subject: certs.nameOf('Wide'), pathLength: 9 }, one)
    const last = certify({ ca: true, subject: certs.nameOf('Last') }, wide)
    expect(refusal([leafOf({}, wide), wide, one])).toBeUndefined()
    expect(refusal([leafOf({}, last), last, wide, one])).toBe('certificate_path_length_exceeded at 1')
  })

  test('who is no CA is no anchor', () => {
    const leaf = certify({})
    expect(checkAnchor(parsed(leaf.der))).toBe('certificate_not_a_ca')
    expect(refusal([certify({}, leaf)], { roots: [leaf] })).toBe('certificate_not_a_ca at 1')
    const encrypting = certify({ ca: true, keyUsage: [BITS.keyEncipherment] })
    expect(checkAnchor(parsed(encrypting.der))).toBe('certificate_key_usage')
  })
})

describe('the leaf', () => {
  test.each([
    ['is a CA', { ca: true }],
    ['may sign certificates', { keyUsage: [BITS.digitalSignature, BITS.keyCertSign] }],
    ['constrains names', { permitted: [certs.dns('example.com')] }],
  ] as const)('that %s proves nobody', (_, shape) => {
    expect(refusal([leafOf(shape), issuing])).toBe('leaf_is_a_ca at 0')
  })

  test('RFC 5280 §4.2.1.3: its key usage lets it sign, where it has one', () => {
    expect(refusal([leafOf({ keyUsage: [BITS.keyEncipherment] }), issuing])).toBe('certificate_key_usage at 0')
    expect(refusal([leafOf({ keyUsage: null }), issuing])).toBeUndefined()
  })

  test('RFC 5280 §4.2.1.12: it is for the purpose that is asked for', () => {
    const stated = { purpose: { extendedKeyUsage: OIDS.clientAuth, stated: true } }
    const server = leafOf({ purposes: [OIDS.serverAuth] })
    const client = leafOf({ purposes: [OIDS.serverAuth, OIDS.clientAuth] })
    const any = leafOf({ purposes: [OIDS.anyExtendedKeyUsage] })
    expect(refusal([server, issuing])).toBe('certificate_purpose at 0')
    expect(refusal([client, issuing], stated)).toBeUndefined()
    expect(refusal([any, issuing])).toBeUndefined()
    expect(refusal([any, issuing], stated)).toBe('certificate_purpose at 0')
    expect(refusal([leafOf(), issuing], stated)).toBe('certificate_purpose at 0')
  })
})

describe('RFC 5280 §6.1.3 (b), (c): name constraints', () => {
  const under = (constraints: Pick<CertificateShape, 'permitted' | 'excluded'>, leaf: CertificateShape) => {
    const ca = certify({ ca: true, subject: certs.nameOf('CA', 'example'), ...constraints }, root)
    return refusal([leafOf(leaf, ca), ca])
  }
  const REFUSED = 'certificate_name_not_permitted at 0'

  test.each([
    ['dns', { permitted: [certs.dns('example.com')] }, certs.dns('a.example.com'), certs.dns('a.example.org')],
    [
      'uri',
      { permitted: [certs.uri('example.com')] },
      certs.uri('spiffe://example.com/x'),
      certs.uri('spiffe://a.example.com/x'),
    ],
    [
      'email',
      { permitted: [certs.email('example.com')] },
      certs.email('a@example.com'),
      certs.email('a@b.example.com'),
    ],
    ['ip', { permitted: [certs.ip(10, 0, 0, 0, 255, 0, 0, 0)] }, certs.ip(10, 1, 2, 3), certs.ip(11, 1, 2, 3)],
  ])('%s: within what is permitted, and outside', (_, constraints, inside, outside) => {
    expect(under(constraints, { names: [inside] })).toBeUndefined()
    expect(under(constraints, { names: [outside] })).toBe(REFUSED)
    expect(under(constraints, { names: [inside, outside] })).toBe(REFUSED)
  })

  test('directory: the subject itself counts', () => {
    const organization = der.sequence(der.set(der.sequence(der.oid(OIDS.organizationName), der.utf8String('example'))))
    const constraints = { permitted: [certs.directory(organization)] }
    expect(under(constraints, { subject: certs.nameOf('leaf', 'Example ') })).toBeUndefined()
    expect(under(constraints, { subject: certs.nameOf('leaf', 'other') })).toBe(REFUSED)
  })

  test('what was narrowed above is not widened below, and what was excluded stays excluded', () => {
    const wide = certify({ ca: true, subject: certs.nameOf('1'), permitted: [certs.dns('example.com')] }, root)
    const narrow = certify(
      { ca: true, subject: certs.nameOf('2'), permitted: [certs.dns('org'), certs.dns('a.example.com')] },
      wide,
    )
    const check = (name: string) => refusal([leafOf({ names: [certs.dns(name)] }, narrow), narrow, wide])
    expect(check('x.a.example.com')).toBeUndefined()
    expect(check('b.example.com')).toBe(REFUSED)
    expect(check('example.org')).toBe(REFUSED)
    const excluding = certify({ ca: true, subject: certs.nameOf('3'), excluded: [certs.dns('b.example.com')] }, root)
    const below = certify({ ca: true, subject: certs.nameOf('4'), permitted: [certs.dns('example.com')] }, excluding)
    expect(refusal([leafOf({ names: [certs.dns('x.b.example.com')] }, below), below, excluding])).toBe(REFUSED)
  })

  test('RFC 5937 §3: those of the anchor hold, too', () => {
    const bound = certify({ ca: true, permitted: [certs.uri('example.com')] })
    const check = (host: string) =>
      refusal([certify({ names: [certs.uri(`spiffe://${host}/x`)] }, bound)], { roots: [bound] })
    expect(check('example.com')).toBeUndefined()
    expect(check('example.org')).toBe(REFUSED)
  })

  test('a kind of name that cannot be compared, and is constrained, is refused', () => {
    const registered = der.implicit(8, der.oid('1.2.3'))
    expect(under({ excluded: [registered] }, { names: [registered] })).toBe(REFUSED)
    expect(under({ excluded: [registered] }, { names: [certs.dns('example.com')] })).toBeUndefined()
  })
})

describe('RFC 5280 §6.3: revocation lists, where any are configured', () => {
  const serial = der.integer(4711)
  const revoked = leafOf({ serial })
  const rootList = listOf(certs.revocationList(root))
  const fine = () => [rootList, listOf(certs.revocationList(issuing))]

  test('a certificate that no fresh list of its issuer names', () => {
    expect(refusal([revoked, issuing], { crls: fine() })).toBeUndefined()
  })

  test('a leaf and a CA that are revoked', () => {
    const list = listOf(certs.revocationList(issuing, { revoked: [der.integer(1), serial] }))
    expect(refusal([revoked, issuing], { crls: [rootList, list] })).toBe('certificate_revoked at 0')
    expect(refusal([revoked, issuing], { crls: [...fine(), list] })).toBe('certificate_revoked at 0')
    const caSerial = parsed(issuing.der).serialNumber
    const caList = listOf(certs.revocationList(root, { revoked: [der.integer(Buffer.from(caSerial, 'hex'))] }))
    expect(refusal([leafOf(), issuing], { crls: [caList, ...fine().slice(1)] })).toBe('certificate_revoked at 1')
  })

  test('without a list of one issuer nothing is believed', () => {
    expect(refusal([leafOf(), issuing], { crls: [rootList] })).toBe('certificate_status_unknown at 0')
    expect(refusal([leafOf(), issuing], { crls: [] })).toBe('certificate_status_unknown at 1')
  })

  test.each([
    ['not yet issued', { thisUpdate: NOW + 1 }],
    ['out of date', { nextUpdate: NOW }],
    ['of a part only', { extensions: [certs.extension(OIDS.issuingDistributionPoint, der.sequence(), true)] }],
    ['of changes only', { extensions: [certs.extension(OIDS.deltaCrlIndicator, der.integer(1), true)] }],
    [
      'of several issuers',
      {
        revoked: [der.integer(1)],
        entryExtensions: [
          certs.extension(OIDS.certificateIssuer, der.sequence(certs.directory(certs.nameOf('Other'))), true),
        ],
      },
    ],
  ])('a list that is %s says nothing', (_, shape) => {
    const list = listOf(certs.revocationList(issuing, shape))
    expect(refusal([leafOf(), issuing], { crls: [rootList, list] })).toBe('certificate_status_unknown at 0')
  })

  test('a list of another issuer, by another key, or by a CA that may not sign lists says nothing', () => {
    const forged = listOf(certs.revocationList({ ...issuing, key: testKey() }))
    expect(refusal([leafOf(), issuing], { crls: [rootList, forged] })).toBe('certificate_status_unknown at 0')
    const ca = certify({ ca: true, subject: certs.nameOf('No lists'), keyUsage: [BITS.keyCertSign] }, root)
    const list = listOf(certs.revocationList(ca))
    expect(refusal([leafOf({}, ca), ca], { crls: [rootList, list] })).toBe('certificate_status_unknown at 0')
  })

  test('RFC 5280 §5.1.2.5: a list without nextUpdate is none', () => {
    expect(parseCrl(certs.revocationList(issuing, { nextUpdate: null }))).toEqual({
      ok: false,
      refusal: 'there is no nextUpdate',
    })
  })
})
