import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { Grant } from '../../../src/grants/grant.js'
import { createGrantSafe } from '../../../src/grants/grant-safe.js'
import { end } from '../../../src/grants/lifecycle.js'
import type { AccessTokenClaims } from '../../../src/issuance/jwt.js'
import { textMac } from '../../../src/issuance/mac.js'
import { introspect, type IntrospectDeps } from '../../../src/revocation/introspect.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { active, BROKER, DEPLOY, newId, NOW, SHARD } from '../grants/fixtures.js'

const key = createSecretKey(Buffer.alloc(32, 1))
const safe = createGrantSafe({ issuer: BROKER, mac: textMac(key) }, () => undefined)
const claims: AccessTokenClaims = {
  iss: BROKER,
  sub: 'spiffe://errand.test/ci/74',
  client_id: 'spiffe://errand.test/ci/74',
  aud: DEPLOY,
  iat: NOW,
  nbf: NOW,
  exp: NOW + 60,
  jti: randomIds.credentialId(SHARD),
  scope: 'a',
  grant_id: active().terms.id,
  task_id: randomIds.taskId(SHARD),
}

interface Given {
  readonly typ?: string
  readonly verified?: AccessTokenClaims
  readonly live?: boolean
  readonly grant?: Grant
  readonly under?: string
  readonly task?: string
}
function ask(
  { typ = 'at+jwt', verified = claims, live = true, grant = active(), under, task = claims.task_id }: Given = {},
  audience = DEPLOY,
) {
  const record = { ...safe.close(grant, 1, { run: 'r' }), status: 'active' }
  const standing = {
    live,
    grant: under === undefined ? record : { ...record, id: under },
    credential: {},
    task: { id: task },
  }
  const deps = {
    clock: { now: () => NOW, nowMs: () => NOW * 1000 },
    tokens: { typOf: () => typ, verifyOwnToken: () => Promise.resolve({ ok: true, value: verified }) },
    store: { look: () => Promise.resolve(standing) },
    safe,
  } as unknown as IntrospectDeps
  return introspect(deps, 'a.b.c', [audience])
}

describe('RFC 7662 §2.2: of anything but a live credential for the caller, only that it is not active', () => {
  test('a live one: the claims that were signed', async () => {
    expect(await ask()).toEqual({ active: true, token_type: 'Bearer', ...claims })
  })

  test('bound to a key, it is no bearer token', async () => {
    expect(await ask({ verified: { ...claims, cnf: { jkt: 'x' } } })).toMatchObject({ token_type: 'DPoP' })
  })

  test.each<[string, Given, string]>([
    ['for another audience', {}, 'https://other.example.com'],
    ['a ticket', { typ: 'errand-ticket+jwt' }, DEPLOY],
    ['ended', { live: false }, DEPLOY],
    [
      'invariant 8: under a grant that its document says is revoked',
      { grant: end(active(), 'revoked', 'x', NOW) },
      DEPLOY,
    ],
    ['invariant 8: under a grant that its document says is over', { grant: active({}, { expiresAt: NOW }) }, DEPLOY],
    ['invariant 8: moved under another grant', { verified: { ...claims, grant_id: newId() } }, DEPLOY],
    ['invariant 8: moved to another task', { task: randomIds.taskId(SHARD) }, DEPLOY],
  ])('%s', async (_, given, audience) => {
    expect(await ask(given, audience)).toEqual({ active: false })
  })
})
