import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Due } from '../../../src/grants/deadline-store.js'
import type { Stores } from '../../../src/grants/stores.js'
import { aClaim, Workshop } from '../../support/store-records.js'
import { type Context, FIFTY, NOW, runVersion, withTask } from './context.js'

const LEASE = 30

export function describeDeadlines({ openAnother }: Context): void {
  /** Shards are shared by all tests of a store: these have one each. */
  const alone = async () => {
    const stores = await openAnother()
    const take = (shop: Workshop, now: number, limit = 100) => stores.deadlines.takeDue(shop.shard, now, LEASE, limit)
    return { stores, take }
  }
  const grants = (due: readonly Due[]) => due.map(({ kind, id }) => `${kind} ${id}`)
  const withGrants = async (stores: Stores, deadlines: readonly number[]) => {
    const shop = new Workshop()
    const made = deadlines.map((deadline) => shop.grant({ deadline }))
    for (const grant of made) await stores.grants.request(shop.request(grant))
    return { shop, ids: made.map(({ id }) => `grant ${id}`), made }
  }

  test('a claim is remembered while what it uses up may still be accepted, and a while longer, however often is swept', async () => {
    const { stores, take } = await alone()
    let start = NOW
    const times = fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(times, fc.nat({ max: 100 }), fc.boolean(), async (sweeps, life, isLate) => {
        // Sweeping goes forward alone.
        start += 1000
        const shop = new Workshop()
        const claim = aClaim({ until: start + life })
        expect(await stores.issuance.claim(shop.shard, claim, start)).toBe('claimed')
        for (const at of sweeps.sort((one, other) => one - other)) await take(shop, start + Math.min(at, life))
        // A request takes its claims some time after it was verified; a clock may be set back.
        const last = claim.until + (isLate ? 30 : 0)
        await take(shop, last)
        expect(await stores.issuance.claim(shop.shard, claim, last)).toBe('taken')
      }),
      { numRuns: 40 },
    )
  })

  describe('what is due', () => {
    test('comes when its time has come, oldest first, each from its own shard', async () => {
      const { stores, take } = await alone()
      const { shop, ids } = await withGrants(stores, [NOW + 30, NOW + 10, NOW + 20])
      const other = new Workshop()
      await stores.grants.request(other.request(other.grant({ deadline: NOW + 5 })))
      expect(await take(shop, NOW + 9)).toEqual([])
      expect(grants(await take(shop, NOW + 20))).toEqual([ids[1], ids[2]])
      expect(grants(await take(shop, NOW + 30))).toEqual([ids[0]])
    })

    test('is handed out at most so many at a time', async () => {
      const { stores, take } = await alone()
      const { shop, ids } = await withGrants(stores, [NOW + 1, NOW + 2, NOW + 3, NOW + 4, NOW + 5])
      expect(grants(await take(shop, NOW + 10, 2))).toEqual(ids.slice(0, 2))
      expect(grants(await take(shop, NOW + 10, 2))).toEqual(ids.slice(2, 4))
      expect(grants(await take(shop, NOW + 10, 2))).toEqual(ids.slice(4))
      expect(await take(shop, NOW + 10, 2)).toEqual([])
    })

    test('is handed out again when whoever took it has not dealt with it in time', async () => {
      const { stores, take } = await alone()
      const { shop, ids } = await withGrants(stores, [NOW + 1])
      expect(grants(await take(shop, NOW + 10))).toEqual(ids)
      expect(await take(shop, NOW + 10 + LEASE - 1)).toEqual([])
      expect(grants(await take(shop, NOW + 10 + LEASE))).toEqual(ids)
      expect(grants(await take(shop, NOW + 10 + 2 * LEASE))).toEqual(ids)
    })

    test('goes to exactly one of fifty callers', async () => {
      const { stores, take } = await alone()
      const { shop, ids } = await withGrants(
        stores,
        FIFTY.map((n) => NOW + n),
      )
      const handed = (await Promise.all(FIFTY.map(() => take(shop, NOW + 100, 3)))).flatMap(grants)
      expect([...handed].sort()).toEqual([...ids].sort())
    })

    test('may be dropped, taken or not', async () => {
      const { stores, take } = await alone()
      const { shop, made } = await withGrants(stores, [NOW + 1, NOW + 2, NOW + 3])
      const due = await take(shop, NOW + 2)
      await stores.deadlines.drop(shop.shard, due)
      await stores.deadlines.drop(shop.shard, [{ kind: 'grant', id: made[2]!.id }])
      await stores.deadlines.drop(shop.shard, due)
      expect(await take(shop, NOW + 10_000)).toEqual([])
    })
  })

  describe('deadlines follow their records', () => {
    test('a grant: moved by a revision, kept for its end, gone when forgotten', async () => {
      const { stores, take } = await alone()
      const { shop, made, ids } = await withGrants(stores, [NOW + 10])
      const grant = made[0]!
      await stores.grants.revise(shop.revision(grant, { deadline: NOW + 1000 }))
      expect(await take(shop, NOW + 999)).toEqual([])
      expect(grants(await take(shop, NOW + 1000))).toEqual(ids)
      // Handed out or not, the next revision says when it is due.
      const second = { ...grant, version: 2, deadline: NOW + 1000 }
      await stores.grants.revise(shop.revision(second, { status: 'expired', deadline: NOW + 5000 }))
      expect(await take(shop, NOW + 4999)).toEqual([])
      expect(grants(await take(shop, NOW + 5000))).toEqual(ids)
      await stores.grants.forget(grant.id, NOW + 5000)
      expect(await take(shop, NOW + 50_000)).toEqual([])
    })

    test('a grant made by a record has one, too', async () => {
      const { stores, take } = await alone()
      const { shop, grant, task, credential } = await withTask(stores)
      await stores.issuance.confirm([credential.id])
      expect(grants(await take(shop, grant.deadline))).toEqual([`task ${task.id}`, `grant ${grant.id}`])
    })

    test('a task: at the end of its lease, moved by each renewal, gone with its end', async () => {
      const { stores, take } = await alone()
      const { shop, grant, task, credential } = await withTask(stores, { grant: { deadline: NOW + 90_000 } })
      await stores.issuance.confirm([credential.id])
      expect(await take(shop, task.leaseUntil - 1)).toEqual([])
      const renewing = shop.renewing(grant, task, { leaseUntil: NOW + 2000, unsentAt: NOW + 80_000 })
      await stores.issuance.record(renewing)
      expect(await take(shop, NOW + 1999)).toEqual([])
      await stores.tasks.renew(task.id, NOW + 3000, [])
      expect(await take(shop, NOW + 2999)).toEqual([])
      expect(grants(await take(shop, NOW + 3000))).toEqual([`task ${task.id}`])
      // Renewed while it was handed out: it comes up at the end of the new lease, not of the hand-out.
      await stores.tasks.renew(task.id, NOW + 4000, [])
      expect(await take(shop, NOW + 3999)).toEqual([])
      expect(grants(await take(shop, NOW + 4000))).toEqual([`task ${task.id}`])
      await stores.tasks.end({ id: task.id, state: 'abandoned', at: NOW, events: [] })
      expect(await take(shop, NOW + 70_000)).toEqual([])
    })

    test('a credential: when it counts as never sent, unless it was confirmed or ended', async () => {
      const { stores, take } = await alone()
      const { shop, grant, task, credential } = await withTask(stores, {
        grant: { deadline: NOW + 90_000 },
        task: { leaseUntil: NOW + 90_000 },
      })
      const more = [0, 1, 2].map(() => shop.renewing(grant, task, { unsentAt: NOW + 60 }))
      for (const issuance of more) await stores.issuance.record(issuance)
      await stores.issuance.confirm([credential.id, more[0]!.credential.id])
      await stores.issuance.endCredential(more[1]!.credential.id, 'revoked', NOW, [])
      expect(await take(shop, NOW + 59)).toEqual([])
      expect(grants(await take(shop, NOW + 60))).toEqual([`credential ${more[2]!.credential.id}`])
      await stores.issuance.confirm([more[2]!.credential.id])
      expect(await take(shop, NOW + 80_000)).toEqual([])
    })

    test('entries of the same time come in the order of their ids', async () => {
      const { stores, take } = await alone()
      const { shop, ids } = await withGrants(
        stores,
        FIFTY.map(() => NOW + 1),
      )
      expect(grants(await take(shop, NOW + 1))).toEqual([...ids].sort())
    })
  })

  describe('lag', () => {
    test('is how far behind the oldest of all shards is, and nothing when nothing is due', async () => {
      const { stores, take } = await alone()
      expect(await stores.deadlines.lag(NOW)).toEqual({ seconds: 0, liveGrants: 0 })
      const { shop } = await withGrants(stores, [NOW + 100, NOW + 50])
      const other = new Workshop()
      await stores.grants.request(other.request(other.grant({ deadline: NOW + 40 })))
      expect((await stores.deadlines.lag(NOW + 40)).seconds).toBe(0)
      expect((await stores.deadlines.lag(NOW + 60)).seconds).toBe(20)
      await take(other, NOW + 60)
      expect((await stores.deadlines.lag(NOW + 60)).seconds).toBe(10)
      await take(shop, NOW + 60)
      expect((await stores.deadlines.lag(NOW + 60)).seconds).toBe(0)
    })

    test('counts the grants that are active', async () => {
      const { stores } = await alone()
      const live = async () => (await stores.deadlines.lag(NOW)).liveGrants
      const shop = new Workshop()
      const pending = shop.grant({ status: 'pending' })
      await stores.grants.request(shop.request(pending))
      expect(await live()).toBe(0)
      await stores.grants.revise(shop.revision(pending, { status: 'active' }))
      expect(await live()).toBe(1)
      await stores.grants.request(shop.request(shop.grant({ index: { anchor: shop.anchor } })))
      const made = shop.grant()
      await stores.issuance.record(shop.creating(made, shop.task(made), await runVersion(stores, shop)))
      expect(await live()).toBe(3)
      await stores.grants.revise(shop.revision(made, { document: '{}' }))
      expect(await live()).toBe(3)
      const active = { ...pending, version: 2, status: 'active' as const }
      await stores.grants.revise(shop.revision(active, { status: 'revoked', deadline: NOW }))
      expect(await live()).toBe(2)
      await stores.grants.forget(pending.id, NOW)
      expect(await live()).toBe(2)
    })
  })
}
