import { describe, expect, test } from '@jest/globals'
import type { CertificateEnd } from '../../../src/grants/certificate-store.js'
import type { Issuance } from '../../../src/grants/issuance-store.js'
import type { Stores } from '../../../src/grants/stores.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { aClaim, type Opened, type Workshop } from '../../support/store-records.js'
import { type Context, count, FIFTY, lines, NOW, runVersion, withTask } from './context.js'

const AUTHORITY = '0123456789abcdef'
const certificate = { authority: AUTHORITY }
const FROM_THE_START: readonly number[] = Array.from({ length: 64 }, () => 0)

export function describeCertificates({ stores, openAnother }: Context): void {
  /** The ends of a shard so far: tests share a store, so each looks at what is new. */
  const endsOf = async (shard: number, after = 0, of: Stores = stores()) => {
    const positions = FROM_THE_START.map((position, other) => (other === shard ? after : position))
    return (await of.certificates.endsAfter(positions, 1000)).filter((end) => end.shard === shard)
  }
  const last = async (shard: number) => (await endsOf(shard)).at(-1)?.position ?? 0

  const newEnds = async (shard: number, step: () => Promise<unknown>) => {
    const before = await last(shard)
    await step()
    return endsOf(shard, before)
  }

  const idsOf = async (end: CertificateEnd | undefined) =>
    end && (await stores().certificates.certificatesOf(end)).map(({ id }) => id).sort()

  /** A task with a certificate in place of its JWT. */
  const withCertificate = async (changes: { grant?: Partial<Opened['grant']>; expiresAt?: number } = {}) => {
    const opened = await withTask(stores(), { ...(changes.grant && { grant: changes.grant }) })
    const second = await more(opened, { certificate, ...(changes.expiresAt && { expiresAt: changes.expiresAt }) })
    return { ...opened, certificate: second }
  }

  const more = async (
    { shop, grant, task }: Opened & { shop: Workshop },
    changes: Partial<Issuance['credential']>,
    rest: Partial<Issuance> = {},
  ) => {
    const credential = shop.credential(task, changes)
    expect(await stores().issuance.record(shop.renewing(grant, task, { credential, ...rest }))).toBe('recorded')
    return credential
  }

  const endTask = (shop: Workshop, task: Opened['task'], at = NOW + 5) =>
    stores().tasks.end({ id: task.id, state: 'completed', at, events: [shop.event('task.completed')] })

  const revoke = ({ shop, grant }: Opened & { shop: Workshop }) =>
    stores().grants.revise(shop.revision(grant, { status: 'revoked', deadline: NOW + 9999 }, { at: NOW + 6 }))

  describe('certificates', () => {
    test('a certificate is recorded with its authority, and lives as a JWT does', async () => {
      const { certificate: issued, task, shop } = await withCertificate()
      expect(await stores().issuance.look(issued.id, NOW)).toMatchObject({
        live: true,
        credential: { ...issued, certificate },
        task: { id: task.id, errand: task.errand, run: task.run },
        grant: { index: { run: shop.where.run } },
      })
      await endTask(shop, task)
      expect((await stores().issuance.look(issued.id, NOW))?.live).toBe(false)
    })

    test('the end of a task is told once, and leads to its certificates alone', async () => {
      const opened = await withCertificate()
      const other = await more(opened, { certificate, ancestors: [opened.credential.id], expiresAt: NOW + 300 })
      const ends = await newEnds(opened.shop.shard, () => endTask(opened.shop, opened.task))
      expect(ends).toEqual([
        { shard: opened.shop.shard, position: expect.any(Number), at: NOW + 5, what: { task: opened.task.id } },
      ])
      const found = await stores().certificates.certificatesOf(ends[0]!)
      expect([...found].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
        [
          { id: opened.certificate.id, authority: AUTHORITY, expiresAt: NOW + 600, ancestors: [] },
          { id: other.id, authority: AUTHORITY, expiresAt: NOW + 300, ancestors: [opened.credential.id] },
        ].sort((a, b) => (a.id < b.id ? -1 : 1)),
      )
      expect(await newEnds(opened.shop.shard, () => endTask(opened.shop, opened.task))).toEqual([])
    })

    test('what ends without certificates is told nowhere', async () => {
      const opened = await withTask(stores())
      const { shop, task, grant, credential } = opened
      expect(
        await newEnds(shop.shard, async () => {
          await stores().issuance.endCredential(credential.id, 'revoked', NOW, [])
          await endTask(shop, task)
          await stores().grants.revise(shop.revision(grant, { status: 'revoked' }))
        }),
      ).toEqual([])
    })

    test('a task that was opened by a certificate, under a grant made in that step, tells its end too', async () => {
      const { shop, task, credential } = await withTask(stores(), {
        issuance: {},
        grant: { maxTasks: 2 },
      })
      const grant = shop.grant()
      const where = shop.run()
      const opening = shop.task(grant, where)
      const issued = shop.credential(opening, { certificate })
      const made = shop.creating(grant, opening, 0, { credential: issued })
      expect(await stores().issuance.record(made)).toBe('recorded')
      const ends = await newEnds(shop.shard, () => endTask(shop, opening))
      expect(ends.map(({ what }) => what)).toEqual([{ task: opening.id }])
      expect(await idsOf(ends[0])).toEqual([issued.id])
      expect(await newEnds(shop.shard, () => endTask(shop, task))).toEqual([])
      expect(credential.certificate).toBeUndefined()
    })

    test('a grant that is revoked leads to the certificates of all its tasks', async () => {
      const opened = await withCertificate({ grant: { maxTasks: 3 } })
      const { shop, grant } = opened
      const where = shop.run(shop.where.run)
      const task = shop.task(grant, where)
      const second = shop.credential(task, { certificate })
      const version = await runVersion(stores(), shop, where)
      const opening = shop.opening(grant, task, version, { credential: second })
      expect(await stores().issuance.record(opening)).toBe('recorded')
      const ends = await newEnds(shop.shard, () => revoke(opened))
      expect(ends).toEqual([expect.objectContaining({ at: NOW + 6, what: { grant: grant.id } })])
      expect(await idsOf(ends[0])).toEqual([opened.certificate.id, second.id].sort())
    })

    test('a revision that is no end tells nothing, and the certificates are remembered through it', async () => {
      const opened = await withCertificate({ grant: { maxTasks: 3 } })
      const { shop, grant } = opened
      const revision = shop.revision(grant)
      expect(await newEnds(shop.shard, () => stores().grants.revise(revision))).toEqual([])
      const ends = await newEnds(shop.shard, () => revoke({ ...opened, grant: revision.record }))
      expect(ends.map(({ what }) => what)).toEqual([{ grant: grant.id }])
    })

    test('a grant that is completed with its task is one end, of the grant', async () => {
      const { shop, grant, task, certificate: issued } = await withCertificate()
      const revision = shop.revision(grant, { status: 'completed' }, { events: [] })
      const ends = await newEnds(shop.shard, () =>
        stores().tasks.end({ id: task.id, state: 'completed', at: NOW + 7, events: [], grant: revision }),
      )
      expect(ends).toEqual([expect.objectContaining({ at: NOW + 7, what: { grant: grant.id } })])
      expect(await idsOf(ends[0])).toEqual([issued.id])
    })

    test('a step that is refused tells nothing', async () => {
      const { shop, grant, task } = await withCertificate()
      const stale = { ...shop.revision(grant, { status: 'revoked' }), from: 9 }
      expect(
        await newEnds(shop.shard, async () => {
          expect(await stores().grants.revise(stale)).toBe('conflict')
          const end = { id: task.id, state: 'completed', at: NOW, events: [], grant: stale } as const
          expect(await stores().tasks.end(end)).toBe('conflict')
          expect(await stores().issuance.endCredential(randomIds.credentialId(shop.shard), 'revoked', NOW, [])).toBe(
            'unknown',
          )
        }),
      ).toEqual([])
    })

    test.each(['revoked', 'voided'] as const)('a certificate that is %s is told, and is alone', async (how) => {
      const opened = await withCertificate()
      const { shop, certificate: issued } = opened
      await more(opened, { certificate })
      const end = () => stores().issuance.endCredential(issued.id, how, NOW + 8, [shop.event('credential.revoked')])
      const ends = await newEnds(shop.shard, async () => {
        expect(await end()).toBe('ended')
        expect(await end()).toBe('already')
      })
      expect(ends).toEqual([expect.objectContaining({ at: NOW + 8, what: { credential: issued.id } })])
      expect(await idsOf(ends[0])).toEqual([issued.id])
    })

    test('a credential takes along the certificates that were handed on from it, at any depth', async () => {
      const opened = await withTask(stores())
      const { shop, credential: root } = opened
      const child = await more(opened, { ancestors: [root.id] })
      const grandchild = await more(opened, { certificate, ancestors: [root.id, child.id] })
      await more(opened, { certificate })
      const endOf = (id: typeof root.id) =>
        newEnds(shop.shard, () => stores().issuance.endCredential(id, 'revoked', NOW, []))
      const ofChild = await endOf(child.id)
      expect(ofChild.map(({ what }) => what)).toEqual([{ credential: child.id }])
      expect(await idsOf(ofChild[0])).toEqual([grandchild.id])
      expect(await idsOf((await endOf(root.id))[0])).toEqual([grandchild.id])
    })

    test('a parent with a certificate below it is still a parent, and alive', async () => {
      const opened = await withTask(stores())
      const { credential: root } = opened
      await more(opened, { certificate, ancestors: [root.id] })
      const handedOn = { ticket: aClaim(), holder: 'a', maxChildren: 5 }
      const second = await more(opened, { ancestors: [root.id] }, { handedOn })
      expect(await stores().issuance.look(root.id, NOW)).toMatchObject({ live: true, credential: root })
      expect(await stores().issuance.look(second.id, NOW)).toMatchObject({ live: true })
    })

    test('repeating a record indexes nothing twice', async () => {
      const opened = await withTask(stores())
      const { shop, grant, task } = opened
      const issued = shop.credential(task, { certificate })
      const again = shop.renewing(grant, task, { credential: issued })
      expect(await stores().issuance.record(again)).toBe('recorded')
      expect(await stores().issuance.record(again)).toBe('recorded')
      const ends = await newEnds(shop.shard, () => endTask(shop, task))
      expect(await idsOf(ends[0])).toEqual([issued.id])
    })

    test('a certificate that is refused is indexed nowhere', async () => {
      const opened = await withTask(stores())
      const { shop, grant, task } = opened
      const stale = { ...grant, version: 9 }
      const credential = shop.credential(task, { certificate })
      expect(await stores().issuance.record(shop.renewing(stale, task, { credential }))).toBe('conflict')
      expect(await newEnds(shop.shard, () => endTask(shop, task))).toEqual([])
    })

    test('certificates that had expired when it ended are not told of', async () => {
      const opened = await withCertificate({ expiresAt: NOW + 100 })
      const later = await more(opened, { certificate, expiresAt: NOW + 101 })
      const ends = await newEnds(opened.shop.shard, () => endTask(opened.shop, opened.task, NOW + 100))
      expect(await idsOf(ends[0])).toEqual([later.id])
    })

    test('a lease that was renewed, and a task that was opened beside, keep what is known', async () => {
      const opened = await withCertificate({ grant: { maxTasks: 3 } })
      const { shop, grant, task, certificate: issued } = opened
      await stores().tasks.renew(task.id, NOW + 5000, [])
      await more(opened, {}, { leaseUntil: NOW + 6000 })
      const where = shop.run(shop.where.run)
      const beside = shop.opening(grant, shop.task(grant, where), await runVersion(stores(), shop, where))
      expect(await stores().issuance.record(beside)).toBe('recorded')
      expect(await stores().tasks.read(task.id)).toEqual({ ...task, leaseUntil: NOW + 6000 })
      const ends = await newEnds(shop.shard, () => revoke(opened))
      expect(await idsOf(ends[0])).toEqual([issued.id])
    })

    test('of fifty ends at once, one is told; the step appends nothing else for it', async () => {
      const { shop, task } = await withCertificate()
      const before = (await lines(stores(), shop)).length
      const ends = await newEnds(shop.shard, async () => {
        const answers = await Promise.all(FIFTY.map(() => endTask(shop, task)))
        expect(count(answers, 'ended')).toBe(1)
      })
      expect(ends.length).toBe(1)
      expect((await lines(stores(), shop)).length).toBe(before + 1)
    })

    test('positions grow by shard, pages are cut from the oldest on, and what was forgotten stays so', async () => {
      const store = await openAnother()
      const tasks = await Promise.all(
        [1, 2, 3].map(async () => withTask(store, { issuance: {}, grant: { maxTasks: 1 } })),
      )
      for (const opened of tasks) {
        const { shop, grant, task } = opened
        for (const _ of [1, 2, 3]) {
          const credential = shop.credential(task, { certificate })
          expect(await store.issuance.record(shop.renewing(grant, task, { credential }))).toBe('recorded')
          await store.issuance.endCredential(credential.id, 'revoked', NOW, [])
        }
      }
      const { shard } = tasks[1]!.shop
      expect((await endsOf(shard, 0, store)).map(({ position }) => position)).toEqual([1, 2, 3])
      const firstTwo = await store.certificates.endsAfter(FROM_THE_START, 2)
      expect(firstTwo.length).toBe(6)
      expect(firstTwo.filter((end) => end.shard === shard).map(({ position }) => position)).toEqual([1, 2])
      expect((await endsOf(shard, 2, store)).map(({ position }) => position)).toEqual([3])
      await store.certificates.forgetEnds(shard, 2)
      expect((await endsOf(shard, 0, store)).map(({ position }) => position)).toEqual([3])
      await store.certificates.forgetEnds(shard, 3)
      expect(await endsOf(shard, 0, store)).toEqual([])
      const { shop, task } = tasks[1]!
      await store.tasks.end({ id: task.id, state: 'completed', at: NOW, events: [shop.event('task.completed')] })
      expect((await endsOf(shard, 0, store)).map(({ position }) => position)).toEqual([4])
      expect((await store.certificates.endsAfter(FROM_THE_START, 1000)).length).toBe(7)
    })

    test('an end of nothing that is known leads to no certificates', async () => {
      const ids = [
        { grant: randomIds.grantId(5) },
        { task: randomIds.taskId(5) },
        { credential: randomIds.credentialId(5) },
      ]
      for (const what of ids) {
        expect(await stores().certificates.certificatesOf({ shard: 5, position: 1, at: NOW, what })).toEqual([])
      }
    })
  })
}
