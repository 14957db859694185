import { createSecretKey } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { createGrantSafe, type GrantSafe } from '../../../src/grants/grant-safe.js'
import { end } from '../../../src/grants/lifecycle.js'
import { textMac } from '../../../src/issuance/mac.js'
import { active, BROKER, newId, NOW, pending } from './fixtures.js'

const key = createSecretKey(Buffer.alloc(32, 1))
const seal = { issuer: BROKER, mac: textMac(key) }
let tampered: string[]
let safe: GrantSafe

beforeEach(() => {
  tampered = []
  safe = createGrantSafe(seal, (id) => void tampered.push(id))
})

describe('invariant 8: nothing comes out of the safe whose MAC does not verify', () => {
  test('what is closed opens again, in this safe and in a new one', () => {
    const grant = active()
    const record = safe.close(grant, 3, { run: 'r' })
    expect(record).toMatchObject({ id: grant.terms.id, version: 3, status: 'active', maxTasks: 1, tasks: 0 })
    expect(safe.open(record).grant).toEqual(grant)
    expect(createGrantSafe(seal, () => undefined).open(record).grant).toEqual(grant)
  })

  test('a remembered document under another id is not believed', () => {
    const record = safe.close(active(), 1, { run: 'r' })
    expect(() => safe.open({ ...record, id: newId() })).toThrow('does not verify')
  })

  test('what is remembered has a bound in characters: the oldest is verified again', () => {
    let verified = 0
    const counting = createGrantSafe(
      { ...seal, mac: { ...seal.mac, check: (text, tag) => (verified++, seal.mac.check(text, tag)) } },
      () => undefined,
    )
    const long = (purpose: string) => safe.close(active({ id: newId(), purpose }), 1, { run: 'r' })
    const first = long('a')
    counting.open(first)
    counting.open(first)
    expect(verified).toBe(1)
    for (let at = 0; at < 18; at++) counting.open(long(String.fromCharCode(98 + at).repeat(1024 * 1024)))
    counting.open(first)
    expect(verified).toBe(20)
  })

  test('what the store says beside the document changes nothing in the grant', () => {
    const record = safe.close(end(active(), 'revoked', 'corp:op', NOW), 2, { run: 'r' })
    const opened = safe.open({ ...record, status: 'active', deadline: NOW + 9999, maxTasks: 99 })
    expect(opened.grant.status).toBe('revoked')
    expect(opened.grant.terms.task.max_tasks).toBe(1)
  })

  test('of several, a made-up one is reported and left out, and takes nothing from the true ones', () => {
    const one = safe.close(active(), 1, { run: 'r' })
    const other = safe.close(active({ id: newId() }), 1, { run: 'r' })
    const madeUp = { ...one, id: newId() }
    expect(safe.openGenuine([one, madeUp, other]).map(({ record }) => record)).toEqual([one, other])
    expect(tampered).toEqual([madeUp.id])
  })

  test('the deadline: to be decided by, to be used by, to be forgotten', () => {
    const waiting = pending()
    expect(safe.close(waiting, 1, { run: 'r' }).deadline).toBe(NOW + 3600)
    expect(safe.close(active(), 1, { run: 'r' }).deadline).toBe(NOW + 3600)
    expect(safe.close(end(waiting, 'denied', 'corp:ann', NOW), 2, { run: 'r' }).deadline).toBe(NOW + 30 * 86_400)
  })
})
