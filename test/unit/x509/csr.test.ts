import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  bitString,
  encode,
  explicit,
  implicit,
  integer,
  nothing,
  octetString,
  oid,
  raw,
  sequence,
  set,
  utf8String,
  type DerValue,
} from '../../../src/x509/write-der.js'
import { parseCsr } from '../../../src/x509/csr.js'
import { OIDS } from '../../../src/x509/oids.js'
import { KEY_KINDS, makeCsr, openWorkbench, type KeyKind, type Workbench } from '../../support/openssl.js'

const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ED25519 = generateKeyPairSync('ed25519')
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 })
const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' })

let bench: Workbench
beforeAll(() => {
  bench = openWorkbench()
})
afterAll(() => {
  bench.close()
})

interface Shape {
  readonly version?: DerValue
  readonly subject?: DerValue
  readonly spki?: Buffer
  readonly attributes?: DerValue[]
  readonly more?: DerValue[]
  readonly algorithm?: DerValue
  readonly digest?: string | null
  readonly key?: KeyObject
  readonly signature?: (signed: Buffer) => DerValue
  readonly after?: DerValue[]
}

/** A request as a test wants it, signed by its own key unless it says otherwise. */
function csrOf(shape: Shape = {}): Buffer {
  const info = encode(
    sequence(
      shape.version ?? integer(0),
      shape.subject ?? sequence(),
      raw(shape.spki ?? spkiOf(P256.publicKey)),
      ...(shape.attributes ?? [implicit(0, set())]),
      ...(shape.more ?? []),
    ),
  )
  const digest = shape.digest === undefined ? 'sha256' : shape.digest
  const signature = shape.signature?.(info) ?? bitString(sign(digest, info, shape.key ?? P256.privateKey))
  const algorithm = shape.algorithm ?? sequence(oid(OIDS.ecdsaWithSha256))
  return encode(sequence(raw(info), algorithm, signature, ...(shape.after ?? [])))
}

const text = (der: Buffer): string => der.toString('base64url')
const pem = (der: Buffer, label = 'CERTIFICATE REQUEST'): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`

const refusalOf = (csr: string) => {
  const parsed = parseCsr(csr)
  if (parsed.ok) throw new Error('it was accepted')
  return parsed.refusal
}

describe('accepted', () => {
  test.each(Object.keys(KEY_KINDS) as KeyKind[])('what openssl makes with a key of kind %s', (kind) => {
    const csr = makeCsr(bench, 'key', KEY_KINDS[kind])
    const parsed = parseCsr(csr)
    if (!parsed.ok) throw new Error(parsed.refusal.detail)
    const key = createPublicKey(createPrivateKey(readFileSync(bench.at('key.key'))))
    expect(parsed.value.publicKey.equals(key)).toBe(true)
    expect(parsed.value.spki.equals(spkiOf(key))).toBe(true)
    expect(parsed.value.spki.subarray(-parsed.value.keyBits.length).equals(parsed.value.keyBits)).toBe(true)
  })

  test.each(['sha384', 'sha512'])('a signature with %s', (digest) => {
    for (const kind of ['P-256', 'RSA 2048'] as const) {
      expect(parseCsr(makeCsr(bench, 'key', KEY_KINDS[kind], `-${digest}`)).ok).toBe(true)
    }
  })

  test('RSA with PSS, one digest for all of it', () => {
    const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest']
    expect(parseCsr(makeCsr(bench, 'key', KEY_KINDS['RSA 2048'], '-sha256', ...pss)).ok).toBe(true)
  })

  test('what certtool makes', () => {
    bench.write('template', 'cn = "asked for"\n')
    bench.openssl('genpkey', ...KEY_KINDS['P-256'], '-out', 'certtool.key')
    const made = bench.run(
      'certtool',
      '--generate-request',
      '--load-privkey',
      bench.at('certtool.key'),
      '--template',
      bench.at('template'),
      '--outfile',
      bench.at('certtool.csr'),
    )
    expect(made.code).toBe(0)
    const csr = readFileSync(bench.at('certtool.csr'), 'utf8')
    expect(parseCsr(csr.slice(csr.indexOf('-----BEGIN'))).ok).toBe(true)
  })

  test('PEM with either label, any line ends and white space around it, and base64url', () => {
    const der = csrOf()
    for (const csr of [
      pem(der),
      pem(der, 'NEW CERTIFICATE REQUEST'),
      pem(der).replaceAll('\n', '\r\n'),
      `\n  ${pem(der)}\n\n`,
      text(der),
    ]) {
      expect(parseCsr(csr).ok).toBe(true)
    }
  })

  test('attributes that were left out, and those that nobody knows', () => {
    expect(parseCsr(text(csrOf({ attributes: [] }))).ok).toBe(true)
    const unknown = sequence(oid('1.2.3.4'), set(utf8String('whatever')))
    expect(parseCsr(text(csrOf({ attributes: [implicit(0, set(unknown))] }))).ok).toBe(true)
  })

  test('RFC 4055 §5: RSA signatures with NULL parameters, and with none', () => {
    for (const parameters of [[nothing()], []]) {
      const algorithm = sequence(oid(OIDS.sha256WithRsaEncryption), ...parameters)
      const csr = csrOf({ spki: spkiOf(RSA.publicKey), key: RSA.privateKey, algorithm })
      expect(parseCsr(text(csr)).ok).toBe(true)
    }
  })
})

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The digits of the same bytes, except that the last one says more than they need. */
function withBitsOver(): string {
  let der = csrOf()
  // Signatures differ in length; where all digits are full, there are no bits over.
  while (der.length % 3 === 0) der = csrOf()
  const digits = der.toString('base64url')
  const written = `${digits.slice(0, -1)}${DIGITS[DIGITS.indexOf(digits.slice(-1)) + 1]!}`
  expect(Buffer.from(written, 'base64url')).toEqual(der)
  return written
}

describe('refused as malformed', () => {
  const good = csrOf()
  const other = pem(csrOf({ subject: sequence(set(sequence(oid(OIDS.commonName), utf8String('x')))) }))
  test.each<[string, () => string]>([
    ['nothing', () => ''],
    ['white space', () => ' \n'],
    ['more than 16 KiB', () => text(Buffer.alloc(16_384))],
    ['two PEM blocks', () => pem(good) + other],
    ['a PEM block of another kind', () => pem(good, 'CERTIFICATE')],
    ['a PEM block with another end than beginning', () => pem(good).replace('END CERT', 'END NEW CERT')],
    ['a PEM block that does not end', () => pem(good).replace(/-----END[^]*$/, '')],
    ['text before the block', () => `Certificate Request:\n${pem(good)}`],
    ['text after the block', () => `${pem(good)}x`],
    ['headers in the block', () => pem(good).replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n')],
    ['base64 that is cut', () => pem(good).replace(/=*\n-----END/, 'A\n-----END')],
    ['base64 with padding in the middle', () => pem(good).replace('\nM', '\nM=')],
    ['base64 in place of base64url', () => good.toString('base64').replace(/=*$/, '+/')],
    ['base64url with padding', () => `${text(good)}==`],
    ['base64url with white space', () => `${text(good)}\n`],
    ['base64url of which the last digit has bits over', () => withBitsOver()],
    ['bytes after the request', () => text(Buffer.concat([good, Buffer.from([0])]))],
    ['a request that is cut', () => text(good.subarray(0, -1))],
    [
      'an indefinite length',
      () => text(Buffer.concat([Buffer.from('3080', 'hex'), good.subarray(3), Buffer.alloc(2)])),
    ],
    ['deep nesting', () => text(nested(5_000))],
    ['deep nesting in the attributes', () => text(csrOf({ attributes: [implicit(0, set(raw(nested(40))))] }))],
    [
      'more elements than the budget',
      () => text(csrOf({ subject: sequence(...Array.from({ length: 1_000 }, nothing)) })),
    ],
    ['another version', () => text(csrOf({ version: integer(1) }))],
    ['no version', () => text(csrOf({ version: sequence() }))],
    ['a subject that is no name', () => text(csrOf({ subject: utf8String('CN=x') }))],
    ['attributes with another tag', () => text(csrOf({ attributes: [implicit(1, set())] }))],
    ['attributes twice', () => text(csrOf({ attributes: [implicit(0, set()), implicit(0, set())] }))],
    ['something after the signature', () => text(csrOf({ after: [nothing()] }))],
    ['a signature that is not whole bytes', () => text(csrOf({ signature: () => bitString(Buffer.from([0x80]), 7) }))],
    ['a signature that is an octet string', () => text(csrOf({ signature: () => octetString(Buffer.alloc(70)) }))],
    [
      'a certificate',
      () => text(encode(sequence(sequence(explicit(0, integer(2))), sequence(), bitString(Buffer.alloc(1))))),
    ],
  ])('%s', (_, csr) => {
    expect(refusalOf(csr())).toMatchObject({
      reason: 'csr_malformed',
      detail: expect.stringContaining('the csr is malformed'),
    })
  })

  const nested = (depth: number): Buffer => {
    let bytes: Buffer = Buffer.from([5, 0])
    for (let level = 0; level < depth && bytes.length < 12_000; level += 1) bytes = encode(sequence(raw(bytes)))
    return bytes
  }
})

describe('keys that are refused', () => {
  const spki = (algorithm: DerValue[], key: Uint8Array, unused = 0): Buffer =>
    encode(sequence(sequence(...algorithm), bitString(key, unused)))
  const ec = (curve: string, point: Uint8Array): Buffer => spki([oid(OIDS.ecPublicKey), oid(curve)], point)
  const point = spkiOf(P256.publicKey).subarray(-65)
  const edBytes = spkiOf(ED25519.publicKey).subarray(-32)
  const rsa = (modulus: bigint, exponent: bigint): Buffer =>
    spki([oid(OIDS.rsaEncryption), nothing()], encode(sequence(integer(modulus), integer(exponent))))
  const modulus = BigInt(
    `0x${Buffer.from(RSA.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex')}`,
  )
  const littleEndian = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
  const P = (1n << 255n) - 19n
  const withByte = (bytes: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = value
    return copy
  }

  test.each<[string, 'key_unsupported' | 'key_weak' | 'key_malformed', RegExp, Buffer]>([
    [
      'EC with its curve spelled out',
      'key_unsupported',
      /spells out/,
      spki([oid(OIDS.ecPublicKey), sequence()], point),
    ],
    ['EC without a curve', 'key_unsupported', /names none/, spki([oid(OIDS.ecPublicKey)], point)],
    ['EC on a curve that nobody knows', 'key_unsupported', /unknown curve/, ec('1.2.3.4', point)],
    ['EC of P-384 with a point of P-256', 'key_malformed', /P-384/, ec(OIDS.secp384r1, point)],
    [
      'an EC point off the curve',
      'key_malformed',
      /not a point/,
      ec(OIDS.prime256v1, withByte(point, 64, (point[64] ?? 0) ^ 1)),
    ],
    [
      'an EC point with coordinates above the prime',
      'key_malformed',
      /not a point/,
      ec(OIDS.prime256v1, Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 0xff)])),
    ],
    [
      'the zeros that stand for nothing',
      'key_malformed',
      /not a point/,
      ec(OIDS.prime256v1, Buffer.concat([Buffer.from([4]), Buffer.alloc(64)])),
    ],
    ['the EC point at infinity', 'key_malformed', /uncompressed/, ec(OIDS.prime256v1, Buffer.from([0]))],
    [
      'a compressed EC point',
      'key_malformed',
      /uncompressed/,
      ec(OIDS.prime256v1, withByte(point.subarray(0, 33), 0, 2 + ((point[64] ?? 0) & 1))),
    ],
    [
      'a hybrid EC point',
      'key_malformed',
      /uncompressed/,
      ec(OIDS.prime256v1, withByte(point, 0, 6 + ((point[64] ?? 0) & 1))),
    ],
    ['an EC point that is too short', 'key_malformed', /uncompressed/, ec(OIDS.prime256v1, point.subarray(0, 64))],
    [
      'an EC point with a byte too many',
      'key_malformed',
      /uncompressed/,
      ec(OIDS.prime256v1, Buffer.concat([point, Buffer.alloc(1)])),
    ],
    [
      'an EC key with two parameters',
      'key_malformed',
      /too many/,
      spki([oid(OIDS.ecPublicKey), oid(OIDS.prime256v1), nothing()], point),
    ],
    [
      'an EC key that is not whole bytes',
      'key_malformed',
      /whole/,
      spki([oid(OIDS.ecPublicKey), oid(OIDS.prime256v1)], withByte(point, 64, 0), 1),
    ],
    [
      'EC keys for agreement alone',
      'key_unsupported',
      /unknown/,
      spki([oid('1.3.132.1.12'), oid(OIDS.prime256v1)], point),
    ],
    ['Ed25519 with parameters', 'key_malformed', /Ed25519/, spki([oid(OIDS.ed25519), nothing()], edBytes)],
    ['Ed25519 of 31 bytes', 'key_malformed', /Ed25519/, spki([oid(OIDS.ed25519)], edBytes.subarray(1))],
    ['Ed25519 with a y that is not reduced', 'key_malformed', /one form/, spki([oid(OIDS.ed25519)], littleEndian(P))],
    ['Ed448', 'key_unsupported', /Ed448/, spkiOf(generateKeyPairSync('ed448').publicKey)],
    ['X25519', 'key_unsupported', /unknown/, spkiOf(generateKeyPairSync('x25519').publicKey)],
    [
      'RSA of 1024 bits',
      'key_weak',
      /1024 bits/,
      spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
    ],
    ['RSA of 2047 bits', 'key_weak', /2047 bits/, rsa((1n << 2046n) + 1n, 65537n)],
    ['RSA of 4097 bits', 'key_unsupported', /4097 bits/, rsa((1n << 4096n) + 1n, 65537n)],
    ['RSA with exponent 1', 'key_weak', /65537/, rsa(modulus, 1n)],
    ['RSA with exponent 3', 'key_weak', /65537/, rsa(modulus, 3n)],
    ['RSA with exponent 65535', 'key_weak', /65537/, rsa(modulus, 65535n)],
    ['RSA with an even exponent', 'key_malformed', /even/, rsa(modulus, 65538n)],
    ['RSA with an exponent above 64 bits', 'key_unsupported', /64 bits/, rsa(modulus, (1n << 64n) + 1n)],
    ['RSA with a negative exponent', 'key_malformed', /not positive/, rsa(modulus, -65537n)],
    ['RSA with an even modulus', 'key_malformed', /even/, rsa(modulus - 1n, 65537n)],
    ['RSA with a negative modulus', 'key_malformed', /not positive/, rsa(-modulus, 65537n)],
    ['RSA with a modulus of zero', 'key_malformed', /not positive/, rsa(0n, 65537n)],
    [
      'RSA without parameters',
      'key_malformed',
      /NULL/,
      spki([oid(OIDS.rsaEncryption)], encode(sequence(integer(modulus), integer(65537)))),
    ],
    [
      'RSA with three numbers',
      'key_malformed',
      /RSA/,
      spki([oid(OIDS.rsaEncryption), nothing()], encode(sequence(integer(modulus), integer(65537), integer(1)))),
    ],
    [
      'RSA with one number',
      'key_malformed',
      /RSA/,
      spki([oid(OIDS.rsaEncryption), nothing()], encode(sequence(integer(modulus)))),
    ],
    [
      'RSA with bytes after its numbers',
      'key_malformed',
      /RSA/,
      spki(
        [oid(OIDS.rsaEncryption), nothing()],
        Buffer.concat([encode(sequence(integer(modulus), integer(65537))), Buffer.alloc(1)]),
      ),
    ],
    [
      'RSA for PSS alone',
      'key_unsupported',
      /PSS/,
      spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    ],
    [
      'DSA',
      'key_unsupported',
      /unknown/,
      spkiOf(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey),
    ],
    ['a key of no kind', 'key_unsupported', /unknown/, spki([], point)],
    [
      'something after the key',
      'key_malformed',
      /SubjectPublicKeyInfo/,
      encode(sequence(sequence(oid(OIDS.ed25519)), bitString(edBytes), nothing())),
    ],
  ])('%s', (_, key, detail, bytes) => {
    const refusal = refusalOf(text(csrOf({ spki: bytes })))
    expect(refusal).toMatchObject({ reason: 'csr_key_refused', key })
    expect(refusal.detail).toMatch(detail)
  })

  test.each([
    ['P-224', 'secp224r1'],
    ['P-521', 'secp521r1'],
    ['secp256k1', 'secp256k1'],
  ])('a request on %s that openssl made', (curve, name) => {
    const csr = makeCsr(bench, 'refused', ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`])
    expect(refusalOf(csr)).toMatchObject({ reason: 'csr_key_refused', key: 'key_unsupported' })
    expect(refusalOf(csr).detail).toContain(
      `the key is on ${curve}: EC P-256 or P-384, Ed25519, or RSA of 2048 to 4096`,
    )
  })

  test('requests that openssl made with RSA of 1024 bits, and with exponent 3', () => {
    for (const options of [['rsa_keygen_bits:1024'], ['rsa_keygen_bits:2048', '-pkeyopt', 'rsa_keygen_pubexp:3']]) {
      const csr = makeCsr(bench, 'refused', ['-algorithm', 'RSA', '-pkeyopt', ...options])
      expect(refusalOf(csr)).toMatchObject({ reason: 'csr_key_refused', key: 'key_weak' })
    }
  })

  test('Ed25519 points of small order, for which anybody can sign', () => {
    const y8 = orderEight()
    for (const y of [0n, 1n, P - 1n, y8, P - y8]) {
      for (const signOfX of [0n, 1n << 255n]) {
        const csr = csrOf({ spki: spki([oid(OIDS.ed25519)], littleEndian(y | signOfX)) })
        expect(refusalOf(text(csr))).toMatchObject({ reason: 'csr_key_refused', key: 'key_weak' })
      }
    }
  })

  /**
   * The y of a point of order 8. Its double has order 4 and so y = 0, which is (y² + x²) / (1 - d x² y²): x² = -y². With that
   * the curve, -x² + y² = 1 + d x² y², is d y⁴ + 2 y² - 1 = 0.
   */
  const orderEight = (): bigint => {
    const d = mod(-121665n * inverse(121666n))
    const s = root(mod(1n + d)) ?? 0n
    const y = root(mod((s - 1n) * inverse(d))) ?? root(mod((-s - 1n) * inverse(d))) ?? 0n
    expect(mod(d * y ** 4n + 2n * y ** 2n)).toBe(1n)
    return y
  }

  const mod = (value: bigint): bigint => ((value % P) + P) % P
  const inverse = (value: bigint): bigint => power(mod(value), P - 2n)
  const power = (base: bigint, exponent: bigint): bigint => {
    if (exponent === 0n) return 1n
    const half = power(base, exponent >> 1n)
    return mod(half * half * ((exponent & 1n) === 1n ? base : 1n))
  }
  /** A square root (RFC 8032 §5.1.1: the prime is 5 modulo 8). */
  const root = (square: bigint): bigint | undefined => {
    const guess = power(square, (P + 3n) / 8n)
    return [guess, mod(guess * power(2n, (P - 1n) / 4n))].find((one) => mod(one * one) === square)
  }
})

describe('the signature of the request proves its key (RFC 2986 §4.2)', () => {
  test.each<[string, Shape]>([
    ['of another kind than the key', { algorithm: sequence(oid(OIDS.sha256WithRsaEncryption), nothing()) }],
    ['of Ed25519 for an EC key', { algorithm: sequence(oid(OIDS.ed25519)) }],
    ['with SHA-1', { algorithm: sequence(oid('1.2.840.10045.4.1')), digest: 'sha1' }],
    ['with parameters that ECDSA does not have', { algorithm: sequence(oid(OIDS.ecdsaWithSha256), nothing()) }],
    ['with two parameters', { algorithm: sequence(oid(OIDS.ecdsaWithSha256), nothing(), nothing()) }],
    ['that is not named', { algorithm: sequence() }],
    [
      'of RSA with PSS',
      { spki: spkiOf(RSA.publicKey), key: RSA.privateKey, algorithm: sequence(oid(OIDS.rsassaPss), sequence()) },
    ],
  ])('an algorithm %s is refused', (_, shape) => {
    expect(refusalOf(text(csrOf(shape)))).toMatchObject({ reason: 'csr_signature_unsupported' })
  })

  test.each<[string, Shape]>([
    ['by another key', { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }],
    ['with another digest than it says', { digest: 'sha384' }],
    ['that is empty', { signature: () => bitString(Buffer.alloc(0)) }],
    ['of zeros', { signature: () => bitString(encode(sequence(integer(0), integer(0)))) }],
    ['over something else', { signature: () => bitString(sign('sha256', Buffer.from('else'), P256.privateKey)) }],
    [
      'in the form of JWS',
      { signature: (signed) => bitString(sign('sha256', signed, { key: P256.privateKey, dsaEncoding: 'ieee-p1363' })) },
    ],
    [
      'of Ed25519 of zeros',
      {
        spki: spkiOf(ED25519.publicKey),
        algorithm: sequence(oid(OIDS.ed25519)),
        signature: () => bitString(Buffer.alloc(64)),
      },
    ],
  ])('a signature %s is refused', (_, shape) => {
    expect(refusalOf(text(csrOf(shape)))).toMatchObject({ reason: 'csr_signature_invalid' })
  })

  test('every bit of a request counts', () => {
    const good = csrOf()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: good.length * 8 - 1 }), (bit) => {
        const bad = Buffer.from(good)
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(parseCsr(text(bad)).ok).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('a refusal says nothing of what was sent', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (csr) => {
        const { detail } = refusalOf(csr)
        expect(detail).toMatch(/^the csr is malformed: [ -~]+$/)
      }),
    )
  })
})
