import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  boolean,
  encode,
  explicit,
  integer,
  nothing,
  octetString,
  oid,
  sequence,
  type DerValue,
} from '../../../src/x509/write-der.js'
import { OIDS } from '../../../src/x509/oids.js'
import { parseOcspRequest } from '../../../src/x509/ocsp-request.js'

const certId = (serial = 7, digest: string = OIDS.sha1): DerValue =>
  sequence(
    sequence(oid(digest), nothing()),
    octetString(Buffer.alloc(20, 1)),
    octetString(Buffer.alloc(20, 2)),
    integer(serial),
  )
const extension = (type: string, value: Uint8Array, critical = false): DerValue =>
  sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))
const nonceOf = (length: number): Uint8Array => encode(octetString(Buffer.alloc(length, 5)))
const request = (list: readonly DerValue[], ...rest: readonly DerValue[]): Buffer =>
  encode(sequence(sequence(sequence(...list), ...rest)))
const one = sequence(certId())
const withNonce = (length: number): Buffer =>
  request([one], explicit(2, sequence(extension(OIDS.ocspNonce, nonceOf(length)))))

describe('an OCSP request (RFC 6960 §4.1)', () => {
  test('names issuers and serial numbers, and the answer repeats them as they were sent', () => {
    const parsed = parseOcspRequest(request([sequence(certId(7)), sequence(certId(8, OIDS.sha256))]))
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        certIds: [
          { digest: 'sha1', der: encode(certId(7)), serial: Buffer.from([7]), issuerKeyHash: Buffer.alloc(20, 2) },
          { digest: 'sha256', serial: Buffer.from([8]) },
        ],
        nonce: undefined,
      },
    })
  })

  test('as openssl writes it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-ocsp-'))
    try {
      const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        'k',
        '-out',
        'c',
        '-subj',
        '/CN=x',
      )
      openssl('ocsp', '-issuer', 'c', '-sha256', '-serial', '0x4711', '-nonce', '-reqout', 'r')
      const parsed = parseOcspRequest(readFileSync(join(folder, 'r')))
      expect(parsed.ok && parsed.value.certIds[0]).toMatchObject({
        digest: 'sha256',
        serial: Buffer.from([0x47, 0x11]),
      })
      expect(parsed.ok && parsed.value.nonce?.length).toBe(16)
      writeFileSync(join(folder, 'done'), '')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test.each([1, 16, 32, 128])('RFC 9654 §2.1: a nonce of %i bytes is taken', (length) => {
    const parsed = parseOcspRequest(withNonce(length))
    expect(parsed.ok && parsed.value.nonce?.length).toBe(length)
  })

  test.each([0, 129])('RFC 9654 §2.1: a nonce of %i bytes is malformed', (length) => {
    expect(parseOcspRequest(withNonce(length))).toEqual({ ok: false, refusal: 'malformed' })
  })

  test('whom the client says it is, and its signature, change nothing', () => {
    const name = explicit(1, explicit(4, sequence()))
    const signed = encode(
      sequence(
        sequence(explicit(0, integer(0)), name, sequence(one)),
        explicit(0, sequence(sequence(oid(OIDS.ed25519)))),
      ),
    )
    expect(parseOcspRequest(signed).ok).toBe(true)
  })

  test('a digest that we do not make is read, and leads to no issuer', () => {
    const parsed = parseOcspRequest(request([sequence(certId(7, OIDS.sha384))]))
    expect(parsed.ok && parsed.value.certIds[0]?.digest).toBeUndefined()
    expect(parsed.ok).toBe(true)
  })

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['something else', encode(sequence(integer(1)))],
    ['a certificate that is not named', request([])],
    ['nine certificates', request(Array.from({ length: 9 }, () => one))],
    ['version 2', encode(sequence(sequence(explicit(0, integer(1)), sequence(one))))],
    [
      'a CertID without serial number',
      request([
        sequence(sequence(sequence(oid(OIDS.sha1)), octetString(Buffer.alloc(20)), octetString(Buffer.alloc(20)))),
      ]),
    ],
    [
      'a nonce that is no OCTET STRING',
      request([one], explicit(2, sequence(extension(OIDS.ocspNonce, Buffer.alloc(16))))),
    ],
    [
      'two nonces',
      request(
        [one],
        explicit(2, sequence(extension(OIDS.ocspNonce, nonceOf(16)), extension(OIDS.ocspNonce, nonceOf(16)))),
      ),
    ],
    [
      'an unknown extension that is critical',
      request([one], explicit(2, sequence(extension('1.2.3.4', nonceOf(1), true)))),
    ],
    ['something after it', Buffer.concat([request([one]), Buffer.from([0])])],
    [
      'more than eight kilobytes',
      request([sequence(certId(), explicit(0, sequence(extension('1.2.3', Buffer.alloc(8192)))))]),
    ],
  ])('%s is malformed', (_title, bytes) => {
    expect(parseOcspRequest(bytes)).toEqual({ ok: false, refusal: 'malformed' })
  })

  test('whatever is sent is read or malformed', () => {
    const good = withNonce(16)
    const spoilt = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 })
      .map((changes) => {
        const bytes = Buffer.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const parsed = parseOcspRequest(bytes)
        if (parsed.ok) expect(parsed.value.certIds.length).toBe(1)
        else expect(parsed.refusal).toBe('malformed')
      }),
      { numRuns: 2000 },
    )
  })
})
