import { expect, test } from '@jest/globals'
import { securityHeaders } from '../../../src/http/security-headers.js'

test('every answer says that it is data: nothing runs in it, nothing frames it, nothing guesses its type', () => {
  expect(securityHeaders()).toEqual({
    'Content-Security-Policy': "default-src 'none';frame-ancestors 'none'",
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  })
})
