import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { liveParent } from '../../../src/exchange/parent.js'
import type { Grant } from '../../../src/grants/grant.js'
import { createGrantSafe } from '../../../src/grants/grant-safe.js'
import type { CredentialRecord, CredentialStanding } from '../../../src/grants/issuance-store.js'
import { end } from '../../../src/grants/lifecycle.js'
import { textMac } from '../../../src/issuance/mac.js'
import { credentialDocument, parseCredentialDocument } from '../../../src/grants/documents.js'
import { sealCredential } from '../../../src/grants/sealed-credential.js'
import { randomIds, type GrantId } from '../../../src/runtime/ids.js'
import { active, BROKER, newId, NOW, pending, SHARD } from '../grants/fixtures.js'

const key = createSecretKey(Buffer.alloc(32, 1))
const safe = createGrantSafe({ issuer: BROKER, mac: textMac(key) }, () => undefined)
const id = randomIds.credentialId(SHARD)
const taskId = randomIds.taskId(SHARD)
const task = (state: string, ofTask = taskId) => ({ id: ofTask, state })

const credentialMac = textMac(key)
const HOLDER = {
  workload: 'spiffe://a/b',
  audience: 'x',
  holder: 'h',
  where: { shard: 7, anchor: 'a', run: 'r', errand: 'e' },
}
const sealed = (grantId: GrantId): CredentialRecord => {
  const record = { id, grantId, taskId, ancestors: [randomIds.credentialId(SHARD)], expiresAt: NOW + 60 }
  return { ...record, document: credentialDocument(sealCredential(HOLDER, record, credentialMac)) }
}

/** The store says that all is well, whatever the document says. */
const standing = (grant: Grant, more: Record<string, unknown> = {}): CredentialStanding =>
  ({
    credential: sealed(safe.close(grant, 1, { run: 'r' }).id),
    live: true,
    grant: { ...safe.close(grant, 1, { run: 'r' }), status: 'active', deadline: NOW + 9999 },
    task: task('open'),
    ...more,
  }) as unknown as CredentialStanding
const reasonOf = async (found: CredentialStanding | undefined, grantId = found?.grant.id ?? newId()) => {
  const stores = { issuance: { look: () => Promise.resolve(found) } }
  const clock = { now: () => NOW, nowMs: () => NOW * 1000 }
  const deps = { stores, clock, safe, credentialMac } as unknown as Parameters<typeof liveParent>[0]
  const live = await liveParent(deps, { id, grantId, taskId })
  return live.ok ? undefined : live.refusal.reason
}

describe('what may be handed on lives, and so does all that it lives by', () => {
  test('it does', async () => {
    expect(await reasonOf(standing(active()))).toBeUndefined()
  })

  test.each<[string, CredentialStanding | undefined, string]>([
    ['unknown', undefined, 'parent_ended'],
    ['ended itself', standing(active(), { live: false }), 'parent_ended'],
    ['its task completed', standing(active(), { live: false, task: task('completed') }), 'task_ended'],
    ['its task ended, whatever else is said', standing(active(), { task: task('abandoned') }), 'task_ended'],
    ['its grant revoked', standing(end(active(), 'revoked', 'x', NOW), { live: false }), 'grant_not_usable'],
  ])('%s', async (_, found, reason) => {
    expect(await reasonOf(found)).toBe(reason)
  })

  test.each<[string, Grant]>([
    ['pending', pending()],
    ['revoked', end(active(), 'revoked', 'x', NOW)],
    ['expired', active({}, { expiresAt: NOW })],
  ])('invariant 8: the document says %s and the store says active: nothing is handed on', async (_, grant) => {
    expect(await reasonOf(standing(grant))).toBe('grant_not_usable')
  })

  test('invariant 8: the document of another grant: a fault, and nothing is handed on', async () => {
    const found = standing(active())
    await expect(reasonOf({ ...found, grant: { ...found.grant, id: newId() } })).rejects.toMatchObject({
      code: 'record_tampered',
    })
  })

  test.each<[string, () => Promise<unknown>]>([
    ['grant', () => reasonOf(standing(active()), newId())],
    ['task', () => reasonOf(standing(active(), { task: task('open', randomIds.taskId(SHARD)) }))],
  ])('invariant 8: its record was moved to another %s: a fault, and nothing is handed on', async (_, asked) => {
    await expect(asked()).rejects.toMatchObject({ code: 'record_tampered' })
  })

  test.each<[string, (record: CredentialRecord) => Partial<CredentialRecord>]>([
    ['holder', ({ document }) => ({ document: changed(document, { holder: 'another run' }) })],
    ['run that it came from', ({ document }) => ({ document: changed(document, { where: undefined }) })],
    ['workload', ({ document }) => ({ document: changed(document, { workload: 'spiffe://a/c' }) })],
    ['MAC', ({ document }) => ({ document: changed(document, { mac: undefined }) })],
    ['line of ancestors', () => ({ ancestors: [] })],
    ['end', () => ({ expiresAt: NOW + 3000 })],
  ])('invariant 8: its record has another %s: a fault, and nothing is handed on', async (_, change) => {
    const found = standing(active())
    const credential = { ...found.credential, ...change(found.credential) }
    await expect(reasonOf({ ...found, credential })).rejects.toMatchObject({ code: 'record_tampered' })
  })
})

const changed = (document: string, members: Record<string, unknown>): string =>
  JSON.stringify({ ...parseCredentialDocument(document), ...members })
