import { describe, expect, test } from '@jest/globals'
import { isCertificateOf } from '../../../src/workloads/client-certificate.js'
import * as certs from '../../support/certificates.js'

const NAME = 'spiffe://errand.test/api'

describe('the certificate that a client is known by', () => {
  const notAfter = certs.NOW + 600
  const { der } = certs.certify({ notAfter, names: [certs.uri(NAME)] })
  const known = { subjectAltName: `URI:${NAME}` }
  const shown = { chain: [der], verified: true } as const

  test('is so by a name as long as it is valid: a connection that goes on after that proves nobody', () => {
    expect(isCertificateOf(shown, known, notAfter)).toBe(true)
    expect(isCertificateOf(shown, known, notAfter + 1)).toBe(false)
  })

  test('is nobody’s by name where its chain was not verified', () => {
    expect(isCertificateOf({ ...shown, verified: false }, known, certs.NOW)).toBe(false)
  })
})
