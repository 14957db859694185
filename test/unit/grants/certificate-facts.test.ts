import { describe, expect, test } from '@jest/globals'
import { createSecretKey, randomBytes } from 'node:crypto'
import { openFacts, sealFacts, type CertificateFacts } from '../../../src/grants/certificate-facts.js'
import type { CredentialRecord } from '../../../src/grants/issuance-store.js'
import { textMac } from '../../../src/issuance/mac.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { access, SHARD } from './fixtures.js'

const seal = textMac(createSecretKey(randomBytes(32)))
const facts: CertificateFacts = {
  sub: 'spiffe://errand.test/ci/74',
  clientId: 'spiffe://errand.test/agents/one',
  key: 'the digest of its key',
  access: access('deploy:production'),
}
const record: CredentialRecord = {
  id: randomIds.credentialId(SHARD),
  grantId: randomIds.grantId(SHARD),
  taskId: randomIds.taskId(SHARD),
  ancestors: [],
  expiresAt: 1,
  document: '',
}

describe('invariant 8: what a certificate is for stands under a MAC', () => {
  const sealed = sealFacts(facts, record, seal)

  test('as it was written, it is read', () => {
    expect(openFacts(sealed, record, seal)).toEqual(facts)
  })

  test.each([
    ['of another certificate', { ...record, id: randomIds.credentialId(SHARD) }],
    ['of another grant', { ...record, grantId: randomIds.grantId(SHARD) }],
    ['of another task', { ...record, taskId: randomIds.taskId(SHARD) }],
  ])('in the record %s it is read by nobody', (_, other) => {
    expect(() => openFacts(sealed, other, seal)).toThrow(expect.objectContaining({ code: 'record_tampered' }))
  })

  test.each([
    ['more access', { ...sealed, text: sealed.text.replace('deploy:production', 'deploy:critical') }],
    ['another MAC', { ...sealed, mac: seal.make(sealed.text) }],
    ['none at all', undefined],
  ])('with %s it is read by nobody', (_, other) => {
    expect(() => openFacts(other, record, seal)).toThrow(expect.objectContaining({ code: 'record_tampered' }))
  })
})
