import { describe, expect, test } from '@jest/globals'
import { parseKeySet } from '../../../src/workloads/key-set.js'
import { parseSpiffeBundle } from '../../../src/workloads/spiffe-bundle.js'
import { certify, testKey } from '../../support/certificates.js'
import { createTrustDomain, jwkOf } from '../../support/trust-domain.js'

const domain = createTrustDomain('prod.example.com')

describe('SPIFFE Trust Domain and Bundle §4', () => {
  test('keys for JWT-SVIDs and roots for X.509-SVIDs, and when it wants to be asked again', () => {
    const bundle = parseSpiffeBundle({ ...domain.bundle, spiffe_refresh_hint: 300 })
    expect(bundle?.keys.find('ES256', 'k1')).toBeDefined()
    expect(bundle?.roots.map(({ der }) => der)).toEqual([domain.root.der])
    expect(bundle?.refreshHint).toBe(300)
  })

  test.each([undefined, 0, -1, 1.5, '300', null])('%j is no refresh hint', (hint) => {
    expect(parseSpiffeBundle({ ...domain.bundle, spiffe_refresh_hint: hint })?.refreshHint).toBeUndefined()
  })

  test('§4.2.2: a key is for what its use says, and for nothing else', () => {
    const jwk = { ...jwkOf(testKey()), kid: 'k2' }
    for (const use of [undefined, 'sig', 'x509-svid', 'JWT-SVID', 'wit-svid'])
      expect(parseSpiffeBundle({ keys: [{ ...jwk, use }] })?.keys.size).toBe(0)
    expect(parseKeySet({ keys: [{ ...jwk, use: 'jwt-svid' }] })?.size).toBe(0)
  })

  test('X509-SVID §6.2: entries without a certificate that can be a root are passed over', () => {
    const entry = { ...jwkOf(domain.root.key), use: 'x509-svid' }
    const x5c = [domain.root.der.toString('base64')]
    const roots = (member: unknown) => parseSpiffeBundle({ keys: [member] })?.roots.length
    expect(roots({ ...entry, x5c })).toBe(1)
    expect(roots({ ...entry, x5c: [...x5c, 'ignored'] })).toBe(1)
    for (const other of [undefined, [], 'text', ['AAAA'], [7], ['ignored', ...x5c]])
      expect(roots({ ...entry, x5c: other })).toBe(0)
    expect(roots({ ...entry, x5c: [certify({}).der.toString('base64')] })).toBe(0)
    const weak = certify({ ca: true, key: testKey('rsa', 1024) })
    expect(roots({ ...entry, x5c: [weak.der.toString('base64')] })).toBe(0)
  })

  test.each([undefined, null, 'text', [], {}, { keys: 'text' }])('%j is no bundle', (document) => {
    expect(parseSpiffeBundle(document)).toBeUndefined()
  })
})
