import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseClientCertHeaders } from '../../../src/http/client-cert-header.js'
import { files } from '../config/support.js'

const der = new X509Certificate(files.get('/etc/errand/server.pem') ?? '').raw
const item = (bytes: Uint8Array): string => `:${Buffer.from(bytes).toString('base64')}:`
const GOOD = item(der)

const verdict = (clientCert?: string, chain?: string): unknown => {
  const parsed = parseClientCertHeaders(clientCert, chain)
  return parsed.ok ? (parsed.value?.length ?? 'none') : 'refused'
}

describe('RFC 9440: the certificate that a proxy tells of', () => {
  test('§2.2: Client-Cert is one certificate', () => {
    const parsed = parseClientCertHeaders(GOOD, undefined)
    expect(parsed).toEqual({ ok: true, value: [der] })
  })

  test('§2.3: Client-Cert-Chain is those that issued it', () => {
    expect(verdict(GOOD, GOOD)).toBe(2)
    expect(verdict(GOOD, `${GOOD}, ${GOOD} ,${GOOD}`)).toBe(4)
  })

  test('§2.3: a chain never comes alone', () => {
    expect(verdict(undefined, GOOD)).toBe('refused')
  })

  test('without headers there is no certificate', () => {
    expect(verdict()).toBe('none')
  })

  test.each([
    ['nothing', ''],
    ['no colons', der.toString('base64')],
    ['one colon', `:${der.toString('base64')}`],
    ['empty bytes', '::'],
    ['a string', `"${der.toString('base64')}"`],
    ['base64url', `:${der.toString('base64url')}:`],
    ['base64 without its padding', GOOD.replaceAll('=', '')],
    ['white space inside', `:${der.toString('base64').slice(0, 8)} ${der.toString('base64').slice(8)}:`],
    ['a parameter', `${GOOD};q=1`],
    ['two of them, as a repeated header arrives', `${GOOD}, ${GOOD}`],
    ['PEM, URL-encoded, as another proxy writes it', encodeURIComponent(files.get('/etc/errand/server.pem') ?? '')],
    ['bytes behind the certificate', item(Buffer.concat([der, Buffer.from([0])]))],
    ['half of a certificate', item(der.subarray(0, der.length / 2))],
    ['what is no certificate', item(Buffer.from('certificate'))],
    ['PEM inside', item(Buffer.from(files.get('/etc/errand/server.pem') ?? ''))],
    ['more than a certificate is', `:${'A'.repeat(12_000)}:`],
  ])('RFC 8941 §3.3.5, and stricter: %s is refused', (_name, value) => {
    expect(verdict(value)).toBe('refused')
    if (value !== '') expect(verdict(GOOD, value)).toBe(value === `${GOOD}, ${GOOD}` ? 3 : 'refused')
  })

  test('a chain has an end', () => {
    expect(verdict(GOOD, Array.from({ length: 8 }, () => GOOD).join(','))).toBe(9)
    expect(verdict(GOOD, Array.from({ length: 9 }, () => GOOD).join(','))).toBe('refused')
    expect(verdict(GOOD, `${GOOD},`)).toBe('refused')
  })

  test('whatever it is given, it answers', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (cert, chain) => {
        expect(verdict(cert, chain)).toBe('refused')
      }),
    )
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Buffer.from(der)
        changed[at] = (changed[at] ?? 0) ^ mask
        const parsed = parseClientCertHeaders(item(changed), undefined)
        if (parsed.ok) expect(parsed.value?.[0].equals(changed)).toBe(true)
      }),
    )
  })
})
