import { describe, expect, test } from '@jest/globals'
import { CRL_LIFETIME, type ServedCrl } from '../../../src/revocation/list-in-force.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { keyOf } from '../../../src/x509/certificate-key.js'
import { parseCertificate } from '../../../src/x509/certificate.js'
import { parseCrl, type ParsedCrl } from '../../../src/x509/crl.js'
import { isSignedBy } from '../../../src/x509/signature.js'
import { pkiStage, serialOf } from './pki-stage.js'

const read = ({ der }: ServedCrl): ParsedCrl => {
  const parsed = parseCrl(der)
  if (!parsed.ok) throw new Error(parsed.refusal)
  return parsed.value
}

describe('the CRL of an authority', () => {
  test('RFC 5280 §5: it is signed by the authority, complete, and in force for ten minutes', async () => {
    const stage = await pkiStage()
    const crl = read(await stage.crl())
    const issuer = parseCertificate(stage.authorities.current().certificate)
    if (!issuer.ok) throw new Error(issuer.refusal)
    expect(isSignedBy(keyOf(issuer.value)!, crl.algorithm!, crl.tbs, crl.signature)).toBe(true)
    expect(crl).toMatchObject({
      thisUpdate: stage.clock.now(),
      nextUpdate: stage.clock.now() + CRL_LIFETIME,
      unknownCritical: [],
    })
    expect(crl.revoked.size).toBe(0)
  })

  test('what this instance has acknowledged is on the very next list', async () => {
    const stage = await pkiStage()
    await stage.crl()
    const ended = stage.certificate()
    stage.end(ended)
    expect([...read(await stage.crl()).revoked]).toEqual([serialOf(ended)])
  })

  test('an end that is acknowledged while the feed is read is on the list of whoever asks after it', async () => {
    const stage = await pkiStage()
    const [first, second] = [stage.certificate(), stage.certificate()]
    stage.end(first)
    // The look that runs has already been answered when the second one ends.
    const answered = stage.crl()
    stage.end(second)
    const [, later] = await Promise.all([answered, stage.crl()])
    expect(read(later).revoked.has(serialOf(second))).toBe(true)
  })

  test('ends of other instances are seen within a second, also without a poll', async () => {
    const stage = await pkiStage()
    const other = stage.another()
    await other.of(stage.authorities.current().id)
    const ended = stage.certificate()
    stage.end(ended)
    stage.clock.advance(1)
    const seen = await other.of(stage.authorities.current().id)
    expect(typeof seen === 'string' ? seen : [...read(seen).revoked]).toEqual([serialOf(ended)])
  })

  test('as long as nothing changes the same list is served, and the store is not asked', async () => {
    const stage = await pkiStage()
    const first = await stage.crl()
    const { looks } = stage.store
    stage.clock.advance(0.9)
    const again = await Promise.all(Array.from({ length: 100 }, () => stage.crl()))
    expect(new Set([first, ...again]).size).toBe(1)
    expect(stage.store.looks).toBe(looks)
  })

  test('it is made anew at half of its life, and never runs out while it is asked for', async () => {
    const stage = await pkiStage()
    const first = await stage.crl()
    stage.clock.advance(CRL_LIFETIME / 2 - 1)
    expect(await stage.crl()).toBe(first)
    stage.clock.advance(1)
    const second = await stage.crl()
    expect(second.thisUpdate).toBe(stage.clock.now())
    expect(second.nextUpdate).toBe(stage.clock.now() + CRL_LIFETIME)
  })

  test('RFC 5280 §5.2.3: numbers grow, also while the clock stands, and on every instance', async () => {
    const stage = await pkiStage()
    const other = stage.another()
    const numbers: bigint[] = []
    for (let n = 0; n < 20; n += 1) {
      stage.end(stage.certificate())
      numbers.push(BigInt(`0x${(await stage.crl()).number}`))
    }
    expect(numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)).toBe(true)
    stage.clock.advance(5)
    const theirs = await other.of(stage.authorities.current().id)
    expect(typeof theirs === 'string' ? theirs : BigInt(`0x${theirs.number}`) > numbers.at(-1)!).toBe(true)
  })

  test('RFC 5280 §3.3: an entry stays on a list after its certificate has expired, and goes then', async () => {
    const stage = await pkiStage()
    const ended = stage.certificate({ expiresAt: stage.clock.now() + 60 })
    stage.end(ended)
    stage.clock.advance(60 + CRL_LIFETIME)
    expect(read(await stage.crl()).revoked.size).toBe(1)
    stage.clock.advance(2 * CRL_LIFETIME)
    expect(read(await stage.crl()).revoked.size).toBe(0)
  })

  test('each authority has its own list, and a rotated one goes on with it', async () => {
    const stage = await pkiStage()
    const before = stage.authorities.current().id
    const ended = stage.certificate()
    await stage.authorities.rotate('dana', { atOnce: true, leaked: false })
    stage.end(ended)
    expect(read(await stage.crl()).revoked.size).toBe(0)
    const old = await stage.crls.of(before)
    expect(typeof old === 'string' ? old : [...read(old).revoked]).toEqual([serialOf(ended)])
  })

  test('the list of the root names the authority that leaked', async () => {
    const stage = await pkiStage()
    const [root] = stage.authorities.roots()
    const empty = await stage.crls.of(root!.id)
    expect(typeof empty === 'string' ? empty : read(empty).revoked.size).toBe(0)
    await stage.authorities.rotate('dana', { atOnce: true, leaked: true })
    const after = await stage.crls.of(root!.id)
    expect(typeof after === 'string' ? after : read(after).revoked.size).toBe(1)
  })

  test('an authority that leaked has no list any more, and the others have theirs', async () => {
    const stage = await pkiStage()
    const leaked = stage.authorities.current().id
    expect(typeof (await stage.crls.of(leaked))).toBe('object')
    await stage.authorities.rotate('dana', { atOnce: true, leaked: true })
    expect(await stage.crls.of(leaked)).toBe('unknown')
    expect(await stage.crls.all()).toHaveLength(3)
  })

  test('an authority that nobody knows has none', async () => {
    const stage = await pkiStage()
    expect(await stage.crls.of('0'.repeat(16))).toBe('unknown')
  })

  test('all of them: issuing, next and root', async () => {
    const stage = await pkiStage()
    expect(await stage.crls.all()).toHaveLength(3)
  })

  test('one that ended twice is there once', async () => {
    const stage = await pkiStage()
    const ended = stage.certificate()
    stage.end(ended)
    stage.end(ended)
    expect(read(await stage.crl()).revoked.size).toBe(1)
  })
})

describe('while the store is away', () => {
  test('all of them in one file are there together, or not at all', async () => {
    const stage = await pkiStage()
    expect(await stage.crls.all()).toHaveLength(3)
    stage.store.down = true
    stage.clock.advance(CRL_LIFETIME)
    expect(await stage.crls.all()).toBe('not_now')
  })

  test('the last list is served until it runs out, then none: nothing is promised that is not known', async () => {
    const stage = await pkiStage()
    const ended = stage.certificate({ expiresAt: stage.clock.now() + 3600 })
    stage.end(ended)
    const last = await stage.crl()
    stage.store.down = true
    stage.clock.advance(CRL_LIFETIME / 2 + 1)
    expect(await stage.crl()).toBe(last)
    stage.clock.advance(CRL_LIFETIME / 2 - 2)
    expect(await stage.crl()).toBe(last)
    stage.clock.advance(1)
    expect(await stage.crls.of(stage.authorities.current().id)).toBe('not_now')
    stage.store.down = false
    stage.clock.advance(1)
    expect([...read(await stage.crl()).revoked]).toEqual([serialOf(ended)])
  })

  test('a list that was read and not signed before promises no more than the last look', async () => {
    const stage = await pkiStage()
    await stage.crls.follow()
    const lookedAt = stage.clock.now()
    stage.store.down = true
    stage.clock.advance(400)
    expect(await stage.crl()).toMatchObject({ thisUpdate: lookedAt, nextUpdate: lookedAt + CRL_LIFETIME })
  })

  test('an instance that has never read the feed has no list', async () => {
    const stage = await pkiStage()
    stage.store.down = true
    expect(await stage.crls.of(stage.authorities.current().id)).toBe('not_now')
  })

  test('what could not be looked up is looked up again', async () => {
    const stage = await pkiStage()
    const some = Array.from({ length: 40 }, () => stage.certificate())
    for (const one of some) stage.end(one)
    stage.store.onLook = () => {
      stage.store.onLook = undefined
      // The feed answers, and what belongs to it does not.
      queueMicrotask(() => (stage.store.down = true))
    }
    await expect(stage.crls.follow()).rejects.toMatchObject({ code: 'store_unavailable' })
    stage.store.down = false
    expect(read(await stage.crl()).revoked).toEqual(new Set(some.map(serialOf)))
  })
})

describe('the feed of ends', () => {
  test('more ends than are read at a time are all read', async () => {
    const stage = await pkiStage()
    const some = Array.from({ length: 1300 }, () => stage.certificate({ id: randomIds.credentialId(0) }))
    for (const one of some) stage.end(one)
    expect(read(await stage.crl()).revoked).toEqual(new Set(some.map(serialOf)))
  })

  test('ends are forgotten once nothing that they took can be alive, and not before', async () => {
    const stage = await pkiStage()
    stage.end(stage.certificate())
    await stage.crls.follow()
    stage.clock.advance(3600 + 2300)
    await stage.crls.follow()
    expect(stage.store.forgotten).toEqual([])
    stage.clock.advance(200)
    await stage.crls.follow()
    expect(stage.store.forgotten).toEqual([[stage.store.ends[0]!.shard, 1]])
  })
})
