import { describe, expect, test } from '@jest/globals'
import { randomIds } from '../../../src/runtime/ids.js'
import { found } from '../../support/store-dump.js'
import { type Context, count, expectNothingChanged, FIFTY, lines, NOW, withTask } from './context.js'

export function describeTasks({ stores }: Context): void {
  describe('renewing a task', () => {
    test('lengthens the lease, never shortens it, and tells it', async () => {
      const { shop, task } = await withTask(stores())
      const before = await lines(stores(), shop)
      const renew = (leaseUntil: number) => stores().tasks.renew(task.id, leaseUntil, [shop.event('task.renewed')])
      expect(await renew(NOW + 5000)).toBe('renewed')
      expect(await stores().tasks.read(task.id)).toEqual({ ...task, leaseUntil: NOW + 5000 })
      expect(await renew(NOW + 10)).toBe('renewed')
      expect(await stores().tasks.read(task.id)).toEqual({ ...task, leaseUntil: NOW + 5000 })
      expect((await lines(stores(), shop)).length).toBe(before.length + 2)
    })

    test('an ended task and an unknown one are not renewed', async () => {
      const { shop, task } = await withTask(stores())
      await stores().tasks.end({ id: task.id, state: 'abandoned', at: NOW, events: [] })
      const seen = { tasks: [task.id] }
      const renew = (id = task.id) => stores().tasks.renew(id, NOW + 9999, [shop.event()])
      expect(await expectNothingChanged(stores(), shop, seen, () => renew())).toBe('ended')
      expect(await expectNothingChanged(stores(), shop, seen, () => renew(randomIds.taskId(shop.shard)))).toBe(
        'unknown',
      )
    })
  })

  describe('ending a task', () => {
    test.each(['completed', 'abandoned', 'revoked'] as const)(
      'it is %s, and all its credentials are dead',
      async (state) => {
        const { shop, task, credential } = await withTask(stores())
        const before = await lines(stores(), shop)
        expect(await stores().tasks.end({ id: task.id, state, at: NOW, events: [shop.event('task.completed')] })).toBe(
          'ended',
        )
        expect(await stores().tasks.read(task.id)).toEqual({ ...task, state })
        expect((await stores().issuance.look(credential.id, NOW))?.live).toBe(false)
        expect(await found(stores(), shop.where)).toMatchObject({ runEnded: false, tasks: [{ open: false }] })
        expect((await lines(stores(), shop)).length).toBe(before.length + 1)
      },
    )

    test('it ends its run for ever when it was opened so', async () => {
      const { shop, task } = await withTask(stores(), { task: { endsRun: true } })
      await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
      expect((await stores().grants.find(shop.where)).runEnded).toBe(true)
      expect((await stores().grants.find(shop.run())).runEnded).toBe(false)
    })

    test('a grant for one task is revised in the same step, both told in that order', async () => {
      const { shop, grant, task, credential } = await withTask(stores())
      const before = await lines(stores(), shop)
      const revision = shop.revision(
        grant,
        { status: 'completed', tasks: 5 },
        { events: [shop.event('grant.completed')] },
      )
      const end = {
        id: task.id,
        state: 'completed',
        at: NOW,
        events: [shop.event('task.completed')],
        grant: revision,
      } as const
      expect(await stores().tasks.end(end)).toBe('ended')
      expect(await stores().issuance.look(credential.id, NOW)).toMatchObject({
        live: false,
        task: { state: 'completed' },
        grant: { status: 'completed', version: 2, tasks: 1 },
      })
      expect((await found(stores(), shop.where)).grants).toEqual([])
      const told = (await lines(stores(), shop))
        .slice(before.length)
        .map((line) => (JSON.parse(line) as { type: string }).type)
      expect(told).toEqual(['task.completed', 'grant.completed'])
    })

    test('the version of the grant has moved: a conflict, and nothing changes', async () => {
      const { shop, grant, task, credential } = await withTask(stores(), { task: { endsRun: true } })
      await stores().grants.revise(shop.revision(grant))
      const revision = shop.revision(grant, { status: 'completed' })
      const end = () =>
        stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [shop.event()], grant: revision })
      const seen = { tasks: [task.id], credentials: [credential.id] }
      expect(await expectNothingChanged(stores(), shop, seen, end)).toBe('conflict')
    })

    test('only if its lease has lapsed, when that is asked', async () => {
      const { shop, task } = await withTask(stores())
      const end = (onlyIfLapsed: number) =>
        stores().tasks.end({ id: task.id, state: 'abandoned', onlyIfLapsed, at: NOW, events: [shop.event()] })
      const seen = { tasks: [task.id] }
      expect(await expectNothingChanged(stores(), shop, seen, () => end(task.leaseUntil - 1))).toBe('not_lapsed')
      expect(await end(task.leaseUntil)).toBe('ended')
    })

    test('once: then it is already ended, whatever else is wrong, and unknown tasks are unknown', async () => {
      const { shop, grant, task } = await withTask(stores())
      await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
      const grantToo = { ...shop.revision(grant), from: 17 }
      const again = (id = task.id) =>
        stores().tasks.end({ id, state: 'revoked', at: NOW, events: [shop.event()], grant: grantToo, onlyIfLapsed: 0 })
      const seen = { tasks: [task.id] }
      expect(await expectNothingChanged(stores(), shop, seen, () => again())).toBe('already')
      const unknown = randomIds.taskId(shop.shard)
      expect(await expectNothingChanged(stores(), shop, seen, () => again(unknown))).toBe('unknown')
    })

    test('of fifty at once, exactly one ends it', async () => {
      const { shop, grant, task } = await withTask(stores())
      const before = await lines(stores(), shop)
      const answers = await Promise.all(
        FIFTY.map(() =>
          stores().tasks.end({
            id: task.id,
            state: 'completed',
            at: NOW,
            events: [shop.event('task.completed')],
            grant: shop.revision(grant, { status: 'completed' }),
          }),
        ),
      )
      expect([count(answers, 'ended'), count(answers, 'already')]).toEqual([1, 49])
      expect((await lines(stores(), shop)).length).toBe(before.length + 2)
    })

    test('reading an unknown task gives nothing', async () => {
      expect(await stores().tasks.read(randomIds.taskId(7))).toBeUndefined()
    })
  })
}
