import { createSecretKey, hash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { sealFacts, type CertificateFacts } from '../../../src/grants/certificate-facts.js'
import { credentialDocument } from '../../../src/grants/documents.js'
import type { Grant } from '../../../src/grants/grant.js'
import { createGrantSafe } from '../../../src/grants/grant-safe.js'
import type { CredentialRecord } from '../../../src/grants/issuance-store.js'
import { end } from '../../../src/grants/lifecycle.js'
import type { Authority } from '../../../src/issuance/authority.js'
import { issueCertificate } from '../../../src/issuance/certificate.js'
import { textMac } from '../../../src/issuance/mac.js'
import { introspect, type IntrospectDeps } from '../../../src/revocation/introspect.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { parseCsr } from '../../../src/x509/csr.js'
import { KEY_KINDS, makeAuthority, makeCsr, openWorkbench, type Workbench } from '../../support/openssl.js'
import { access, active, BROKER, DEPLOY, newId, SHARD } from '../grants/fixtures.js'

const safe = createGrantSafe({ issuer: BROKER, mac: textMac(createSecretKey(randomBytes(32))) }, () => undefined)
const credentialMac = textMac(createSecretKey(randomBytes(32)))
const SUB = 'spiffe://errand.test/ci/74'
const told = { sub: SUB, clientId: SUB, access: access('deploy:production') }

let bench: Workbench
let authority: Authority
let chain: string
let now: number
let facts: CertificateFacts
let record: CredentialRecord

beforeAll(() => {
  bench = openWorkbench()
  authority = makeAuthority(bench, KEY_KINDS['P-256'])
  now = authority.notBefore + 60
  const request = parseCsr(makeCsr(bench, 'one', KEY_KINDS['P-256']))
  if (!request.ok) throw new Error(request.refusal.detail)
  facts = { ...told, key: hash('sha256', request.value.spki, 'base64url') }
  const id = randomIds.credentialId(SHARD)
  const span = { notBefore: now - 30, notAfter: now + 600 }
  chain = issueCertificate({ id, request: request.value, spiffeId: SUB, ...span, authority, provenance: [] })
  const taskId = randomIds.taskId(SHARD)
  const grantId = active().terms.id
  const subject = { id, grantId, taskId }
  record = {
    ...subject,
    ancestors: [],
    expiresAt: now + 600,
    certificate: { authority: authority.id },
    document: documentOf(facts, subject),
  }
})
afterAll(() => {
  bench.close()
})

const documentOf = (of: CertificateFacts, subject: Pick<CredentialRecord, 'id' | 'grantId' | 'taskId'>) =>
  credentialDocument({
    workload: SUB,
    audience: DEPLOY,
    holder: 'h',
    certificate: sealFacts(of, subject, credentialMac),
  })

interface Given {
  readonly credential?: Partial<CredentialRecord>
  readonly live?: boolean
  readonly grant?: Grant
  readonly authorities?: readonly Authority[]
  readonly at?: number
  readonly audience?: string
}

function ask({ credential, live = true, grant, authorities, at = now, audience = DEPLOY }: Given = {}) {
  const kept = { ...record, ...credential }
  const opened = grant ?? active({}, { expiresAt: now + 3600 })
  const standing = {
    live,
    credential: kept,
    grant: { ...safe.close(opened, 1, { run: 'r' }), status: 'active' },
    task: { id: kept.taskId },
  }
  const deps = {
    issuer: BROKER,
    clock: { now: () => at, nowMs: () => at * 1000 },
    store: { look: (id: string) => Promise.resolve(id === record.id ? standing : undefined) },
    safe,
    credentialMac,
    authorities: () => authorities ?? [authority],
  } as unknown as IntrospectDeps
  return introspect(deps, chain, [audience])
}

describe('RFC 7662 §2.2: of a certificate, too, only what is live and for the caller is told', () => {
  test('a live one: what it is for', async () => {
    expect(await ask()).toMatchObject({
      active: true,
      token_type: 'N_A',
      sub: SUB,
      aud: DEPLOY,
      scope: 'deploy:production',
      exp: now + 600,
      jti: record.id,
    })
  })

  test.each<[string, () => Given]>([
    ['for another audience', () => ({ audience: 'https://other.example.com' })],
    ['ended', () => ({ live: false })],
    ['over', () => ({ at: now + 600 })],
    [
      'for another key than the one that was certified',
      () => ({ credential: { document: documentOf({ ...facts, key: 'another' }, record) } }),
    ],
    ['of an authority that is not ours any more', () => ({ authorities: [] })],
    [
      'invariant 8: under a grant that its document says is revoked',
      () => ({ grant: end(active(), 'revoked', 'x', now) }),
    ],
  ])('%s', async (_, given) => {
    expect(await ask(given())).toEqual({ active: false })
  })

  test.each<[string, () => Given]>([
    ['moved to another grant', () => ({ credential: { grantId: newId() } })],
    ['moved to another task', () => ({ credential: { taskId: randomIds.taskId(SHARD) } })],
    [
      'with the facts of another certificate',
      () => ({ credential: { document: documentOf(facts, { ...record, id: randomIds.credentialId(SHARD) }) } }),
    ],
    [
      'with other access',
      () => ({ credential: { document: record.document.replace('deploy:production', 'deploy:critical') } }),
    ],
    [
      'without facts',
      () => ({ credential: { document: credentialDocument({ workload: SUB, audience: DEPLOY, holder: 'h' }) } }),
    ],
  ])('invariant 8: a record %s says nothing', async (_, given) => {
    await expect(ask(given())).rejects.toMatchObject({ code: 'record_tampered' })
  })
})
