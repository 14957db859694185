import { describe, expect, test } from '@jest/globals'
import { createSecretKey, randomBytes } from 'node:crypto'
import {
  decodeDeferredRequest,
  encodeDeferredRequest,
  type DeferredRequest,
} from '../../../src/exchange/deferred-request.js'
import type { DeferralRecord } from '../../../src/grants/grant-store.js'
import { textMac } from '../../../src/issuance/mac.js'
import { access, aWorkload, newId, NOW } from '../grants/fixtures.js'

const mac = textMac(createSecretKey(randomBytes(32)))
const asked: DeferredRequest = {
  access: access('deploy:production'),
  task: 'migrate',
  lifetime: 60,
  requestedTokenType: 'x509',
  csr: 'MIIC',
}
const place = { hash: 'h', grantId: newId(), holder: 'o' }
const recordOf = (request: DeferredRequest): DeferralRecord => ({
  ...place,
  request: encodeDeferredRequest(request, place, mac),
  expiresAt: NOW,
  interval: 5,
})

describe('invariant 8: a deferred request is carried out only as this broker wrote it', () => {
  test.each<[string, DeferredRequest]>([
    ['for a certificate', asked],
    ['for a JWT', { ...asked, requestedTokenType: 'access_token', csr: undefined }],
    ['of who asked by keys alone', { ...asked, asker: aWorkload() }],
  ])('one %s is read as it was', (_, request) => {
    expect(decodeDeferredRequest(recordOf(request), mac)).toEqual(JSON.parse(JSON.stringify(request)))
  })

  test.each<[string, (record: DeferralRecord) => DeferralRecord]>([
    ['another key', (record) => ({ ...record, request: record.request.replace('MIIC', 'MIID') })],
    ['more access', (record) => ({ ...record, request: record.request.replace('production', 'critical') })],
    ['another code', (record) => ({ ...record, hash: 'g' })],
    ['another grant', (record) => ({ ...record, grantId: newId() })],
    ['another holder', (record) => ({ ...record, holder: 'p' })],
    ['no MAC', (record) => ({ ...record, request: JSON.stringify(asked) })],
    [
      'the MAC of another broker',
      (record) => ({
        ...record,
        request: encodeDeferredRequest(asked, place, textMac(createSecretKey(randomBytes(32)))),
      }),
    ],
  ])('with %s it is refused', (_, change) => {
    expect(() => decodeDeferredRequest(change(recordOf(asked)), mac)).toThrow(
      expect.objectContaining({ code: 'record_tampered' }),
    )
  })
})
