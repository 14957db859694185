import { describe, expect, test } from '@jest/globals'
import type { GrantStatus } from '../../../src/grants/grant.js'
import type { GrantRecord } from '../../../src/grants/grant-store.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { byId, found, listAll } from '../../support/store-dump.js'
import { aClaim, uniqueKey, Workshop } from '../../support/store-records.js'
import {
  type Context,
  count,
  expectNothingChanged,
  FIFTY,
  lines,
  NOW,
  runVersion,
  withGrant,
  withPending,
  withTask,
} from './context.js'

const ENDS: readonly GrantStatus[] = ['denied', 'withdrawn', 'expired', 'completed', 'revoked']

export function describeGrants(context: Context): void {
  describe('asking for a grant', () => {
    describeRequest(context)
  })
  describe('finding and reading grants', () => {
    describeFind(context)
  })
  describe('revising a grant', () => {
    describeRevise(context)
  })
  describe('listing grants', () => {
    describeList(context)
  })
  describe('grants whose time has passed', () => {
    describeExpire(context)
  })
  describe('forgetting a grant', () => {
    describeForget(context)
  })
  describe('places among the pending grants of a group', () => {
    describeReservations(context)
  })
}

function describeRequest({ stores }: Context): void {
  test('a pending grant is kept as it was given, with no task yet, and its events', async () => {
    const shop = new Workshop()
    const grant = shop.grant({ status: 'pending', tasks: 9, maxTasks: 3, document: '{"Grüße":"🚀\\n"}' })
    const before = await lines(stores(), shop)
    expect(await stores().grants.request(shop.request(grant))).toEqual({ kind: 'requested' })
    expect(await stores().grants.read(grant.id)).toEqual({ ...grant, tasks: 0 })
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })

  test('an unknown grant reads as none', async () => {
    expect(await stores().grants.read(randomIds.grantId(4))).toBeUndefined()
  })

  test('a run that has ended is refused before anything else', async () => {
    const { shop, task } = await withTask(stores(), { task: { endsRun: true } })
    await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
    const claim = aClaim()
    await stores().issuance.claim(shop.shard, claim, NOW)
    const request = shop.request(shop.grant({ status: 'pending' }), { claims: [claim], pendingLimit: 0 })
    expect(await expectNothingChanged(stores(), shop, {}, () => stores().grants.request(request))).toEqual({
      kind: 'run_ended',
    })
    const window = shop.request(shop.grant({ index: { anchor: shop.anchor } }))
    expect(await stores().grants.request(window)).toEqual({ kind: 'requested' })
  })

  test('a claim that was taken is refused, and then no other claim is taken', async () => {
    const shop = new Workshop()
    const [taken, free] = [aClaim(), aClaim()]
    expect(await stores().grants.request(shop.request(shop.grant(), { claims: [taken] }))).toEqual({
      kind: 'requested',
    })
    const again = shop.request(shop.grant({ status: 'pending' }), { claims: [free, taken] })
    expect(await expectNothingChanged(stores(), shop, {}, () => stores().grants.request(again))).toEqual({
      kind: 'claim_taken',
    })
    expect(await stores().issuance.claim(shop.shard, free, NOW)).toBe('claimed')
  })

  test.each([
    ['the same binding', 'dpop:1', 'dpop:1', 'requested'],
    ['another binding', 'dpop:1', 'dpop:2', 'claim_taken'],
    ['no binding after one', 'dpop:1', '', 'claim_taken'],
    ['a binding after none', '', 'dpop:1', 'claim_taken'],
    ['none after none', '', '', 'claim_taken'],
  ])('a claim taken again with %s', async (_, first, second, kind) => {
    const shop = new Workshop()
    const claim = aClaim({ binding: first })
    await stores().grants.request(shop.request(shop.grant(), { claims: [claim] }))
    const again = shop.request(shop.grant(), { claims: [{ ...claim, binding: second }] })
    expect(await stores().grants.request(again)).toEqual({ kind })
  })

  test('claims of one shard mean nothing in another', async () => {
    const [one, other] = [new Workshop(20), new Workshop(21)]
    const claim = aClaim()
    expect(await stores().grants.request(one.request(one.grant(), { claims: [claim] }))).toEqual({ kind: 'requested' })
    expect(await stores().grants.request(other.request(other.grant(), { claims: [claim] }))).toEqual({
      kind: 'requested',
    })
  })

  test('an equal request that is pending is named, and nothing changes', async () => {
    const shop = new Workshop()
    const joinKey = uniqueKey()
    const first = shop.grant({ status: 'pending' })
    await stores().grants.request(shop.request(first, { joinKey }))
    const claim = aClaim()
    const second = shop.request(shop.grant({ status: 'pending' }), { joinKey, claims: [claim], pendingLimit: 1 })
    const answer = await expectNothingChanged(stores(), shop, {}, () => stores().grants.request(second))
    expect(answer).toEqual({ kind: 'equal_pending', grantId: first.id })
    expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('claimed')
  })

  test('a claim that was taken is told before an equal request', async () => {
    const shop = new Workshop()
    const [joinKey, claim] = [uniqueKey(), aClaim()]
    await stores().grants.request(shop.request(shop.grant({ status: 'pending' }), { joinKey, claims: [claim] }))
    const again = shop.request(shop.grant({ status: 'pending' }), { joinKey, claims: [claim] })
    expect(await stores().grants.request(again)).toEqual({ kind: 'claim_taken' })
  })

  test.each<GrantStatus>(['active', 'withdrawn', 'expired'])(
    'a request that became %s joins nobody',
    async (status) => {
      const shop = new Workshop()
      const joinKey = uniqueKey()
      const grant = shop.grant({ status: 'pending' })
      await stores().grants.request(shop.request(grant, { joinKey }))
      expect(await stores().grants.revise(shop.revision(grant, { status }, { joinKey }))).toBe('revised')
      const next = shop.request(shop.grant({ status: 'pending' }), { joinKey })
      expect(await stores().grants.request(next)).toEqual({ kind: 'requested' })
    },
  )

  test('a review that leaves it pending leaves it to be joined', async () => {
    const shop = new Workshop()
    const joinKey = uniqueKey()
    const grant = shop.grant({ status: 'pending' })
    await stores().grants.request(shop.request(grant, { joinKey }))
    await stores().grants.revise(shop.revision(grant))
    const next = shop.request(shop.grant({ status: 'pending' }), { joinKey })
    expect(await stores().grants.request(next)).toEqual({ kind: 'equal_pending', grantId: grant.id })
  })

  test('a denied request cools down until its time, not longer, and only equal ones', async () => {
    const shop = new Workshop()
    const joinKey = uniqueKey()
    const grant = shop.grant({ status: 'pending' })
    await stores().grants.request(shop.request(grant, { joinKey }))
    const until = NOW + 300
    await stores().grants.revise(shop.revision(grant, { status: 'denied' }, { joinKey, coolDown: { joinKey, until } }))
    const next = (now: number, key = joinKey) =>
      stores().grants.request(shop.request(shop.grant({ status: 'pending' }), { joinKey: key, now }))
    expect(await expectNothingChanged(stores(), shop, {}, () => next(until - 1))).toEqual({
      kind: 'cooling_down',
      until,
    })
    expect(await next(NOW, uniqueKey())).toEqual({ kind: 'requested' })
    expect(await next(until)).toEqual({ kind: 'requested' })
  })

  test('an anchor has at most so many pending grants; deciding one makes room', async () => {
    const shop = new Workshop()
    const [first, second] = [shop.grant({ status: 'pending' }), shop.grant({ status: 'pending' })]
    const ask = (grant = shop.grant({ status: 'pending' })) =>
      stores().grants.request(shop.request(grant, { pendingLimit: 2 }))
    expect(await ask(first)).toEqual({ kind: 'requested' })
    expect(await ask(second)).toEqual({ kind: 'requested' })
    expect(await expectNothingChanged(stores(), shop, {}, () => ask())).toEqual({ kind: 'too_many_pending' })
    expect(await ask(shop.grant({ status: 'active' }))).toEqual({ kind: 'requested' })
    await stores().grants.revise(shop.revision(first, { status: 'active' }))
    expect(await ask()).toEqual({ kind: 'requested' })
    expect(await ask()).toEqual({ kind: 'too_many_pending' })
    await stores().grants.revise(shop.revision(second, { status: 'withdrawn' }))
    expect(await ask()).toEqual({ kind: 'requested' })
  })

  test('of fifty requests at once for the last pending places, exactly as many as there are win', async () => {
    const shop = new Workshop()
    const answers = await Promise.all(
      FIFTY.map(() => stores().grants.request(shop.request(shop.grant({ status: 'pending' }), { pendingLimit: 3 }))),
    )
    const kinds = answers.map(({ kind }) => kind)
    expect([count(kinds, 'requested'), count(kinds, 'too_many_pending')]).toEqual([3, 47])
  })

  test('of fifty equal requests at once, one is asked and the others are told of it', async () => {
    const shop = new Workshop()
    const joinKey = uniqueKey()
    const grants = FIFTY.map(() => shop.grant({ status: 'pending' }))
    const answers = await Promise.all(grants.map((grant) => stores().grants.request(shop.request(grant, { joinKey }))))
    const winner = answers.findIndex(({ kind }) => kind === 'requested')
    expect(answers.filter(({ kind }) => kind === 'requested').length).toBe(1)
    const others = answers.filter((_, index) => index !== winner)
    expect(others).toEqual(others.map(() => ({ kind: 'equal_pending', grantId: grants[winner]?.id })))
  })
}

function describeFind({ stores }: Context): void {
  test('a run has its own active grants and the standing ones of its anchor, no others', async () => {
    const shop = new Workshop()
    const other = shop.run()
    const ours = shop.grant()
    const window = shop.grant({ index: { anchor: shop.anchor }, maxTasks: 5 })
    const unwanted = [
      shop.grant({ status: 'pending' }),
      shop.grant({ index: { run: other.run } }),
      shop.grant({ status: 'pending', index: { anchor: shop.anchor } }),
      shop.grant({ index: { anchor: uniqueKey() } }),
    ]
    for (const grant of [ours, window, ...unwanted]) await stores().grants.request(shop.request(grant))
    expect((await found(stores(), shop.where)).grants).toEqual(byId([ours, window]))
    expect((await found(stores(), other)).grants).toEqual(byId([unwanted[1]!, window]))
  })

  test('a run nobody has heard of is empty', async () => {
    const shop = new Workshop()
    expect(await stores().grants.find(shop.where)).toEqual({
      runEnded: false,
      runVersion: expect.any(Number),
      grants: [],
      tasks: [],
    })
  })

  test('a grant is found from its approval to its end', async () => {
    for (const index of ['run', 'anchor'] as const) {
      const shop = new Workshop()
      const pending = shop.grant({
        status: 'pending',
        index: index === 'run' ? { run: shop.where.run } : { anchor: shop.anchor },
      })
      await stores().grants.request(shop.request(pending))
      expect((await stores().grants.find(shop.where)).grants).toEqual([])
      await stores().grants.revise(shop.revision(pending, { status: 'active' }))
      const active = { ...pending, version: 2, status: 'active' as const }
      expect((await stores().grants.find(shop.where)).grants).toEqual([active])
      await stores().grants.revise(shop.revision(active, { status: 'revoked' }))
      expect((await stores().grants.find(shop.where)).grants).toEqual([])
    }
  })

  test('tasks of this very errand are told, under whichever grant, open and ended', async () => {
    const { shop, grant, task } = await withTask(stores(), { grant: { maxTasks: 9 } })
    const otherErrand = shop.run(shop.where.run)
    const second = shop.task(grant, otherErrand)
    await stores().issuance.record(shop.opening(grant, second, await runVersion(stores(), shop)))
    const otherGrant = shop.grant()
    const third = shop.task(otherGrant)
    await stores().issuance.record(shop.creating(otherGrant, third, await runVersion(stores(), shop)))
    await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
    const { tasks } = await found(stores(), shop.where)
    expect(tasks.length).toBe(2)
    expect(tasks).toContainEqual({ grantId: grant.id, taskId: task.id, open: false })
    expect(tasks).toContainEqual({ grantId: otherGrant.id, taskId: third.id, open: true })
    expect((await found(stores(), otherErrand)).tasks).toEqual([{ grantId: grant.id, taskId: second.id, open: true }])
  })

  test('the version of a run changes when a grant becomes active for it, a task of it opens, or a task of it ends', async () => {
    const shop = new Workshop()
    const other = shop.run()
    const seen = [await runVersion(stores(), shop)]
    const expectChanged = async () => {
      const version = await runVersion(stores(), shop)
      expect(seen).not.toContain(version)
      seen.push(version)
    }
    const pending = shop.grant({ status: 'pending', maxTasks: 2 })
    await stores().grants.request(shop.request(pending))
    await stores().grants.request(shop.request(shop.grant({ index: { anchor: shop.anchor } })))
    await stores().grants.request(shop.request(shop.grant({ index: { run: other.run } })))
    expect(await runVersion(stores(), shop)).toBe(seen[0])
    await stores().grants.revise(shop.revision(pending, { status: 'active' }))
    await expectChanged()
    await stores().grants.request(shop.request(shop.grant()))
    await expectChanged()
    const task = shop.task(pending)
    const active = { ...pending, version: 2 }
    await stores().issuance.record(shop.opening(active, task, await runVersion(stores(), shop)))
    await expectChanged()
    expect(await stores().issuance.record(shop.renewing(active, task))).toBe('recorded')
    expect(await runVersion(stores(), shop)).toBe(seen.at(-1))
    await stores().tasks.end({ id: task.id, state: 'abandoned', at: NOW, events: [] })
    await expectChanged()
  })
}

function describeRevise({ stores }: Context): void {
  test('from the version that was decided on, with its evidence; the tasks stay the store’s', async () => {
    const { shop, grant } = await withTask(stores(), { grant: { maxTasks: 4 } })
    const before = await lines(stores(), shop)
    const revision = shop.revision(grant, { document: '{"v":2}', tasks: 77, deadline: NOW + 99 })
    expect(await stores().grants.revise(revision)).toBe('revised')
    expect(await stores().grants.read(grant.id)).toEqual({
      ...grant,
      version: 2,
      document: '{"v":2}',
      tasks: 1,
      deadline: NOW + 99,
    })
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })

  test.each([0, 2, 3])('from another version (%i instead of 1) it is a conflict and nothing changes', async (from) => {
    const { shop, grant } = await withPending(stores())
    const revision = { ...shop.revision(grant, { status: 'active' }), from }
    expect(await expectNothingChanged(stores(), shop, {}, () => stores().grants.revise(revision))).toBe('conflict')
  })

  test('a grant that is not there is a conflict', async () => {
    const shop = new Workshop()
    expect(
      await expectNothingChanged(stores(), shop, {}, () => stores().grants.revise(shop.revision(shop.grant()))),
    ).toBe('conflict')
  })

  test.each(ENDS)('%s is final', async (end) => {
    const { shop, grant } = await withGrant(stores())
    await stores().grants.revise(shop.revision(grant, { status: end }))
    const ended = { ...grant, version: 2, status: end }
    for (const status of ['active', 'pending', 'revoked'] as const) {
      const revision = shop.revision(ended, { status })
      expect(await expectNothingChanged(stores(), shop, {}, () => stores().grants.revise(revision))).toBe('conflict')
    }
  })

  test('of fifty revisions at once from one version, exactly one wins', async () => {
    const { shop, grant } = await withPending(stores())
    const before = await lines(stores(), shop)
    const answers = await Promise.all(
      FIFTY.map((n) => stores().grants.revise(shop.revision(grant, { document: `{"n":${n}}` }))),
    )
    expect([count(answers, 'revised'), count(answers, 'conflict')]).toEqual([1, 49])
    expect((await stores().grants.read(grant.id))?.document).toBe(`{"n":${answers.indexOf('revised')}}`)
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })
}

function describeList({ stores, openAnother }: Context): void {
  test('by status, by anchor, by both, and all; each once, page by page', async () => {
    const own = await openAnother()
    const [one, other] = [new Workshop(11), new Workshop(12)]
    const statuses: readonly GrantStatus[] = ['pending', 'active', 'active', 'denied', 'completed']
    const kept = [one, other].map((shop) => statuses.map((status) => shop.grant({ status })))
    for (const [index, shop] of [one, other].entries()) {
      for (const grant of kept[index] ?? []) await own.grants.request(shop.request(grant))
    }
    const all = kept.flat()
    const anchor = { shard: one.shard, key: one.anchor }
    for (const limit of [1, 2, 3, 100]) {
      expect(byId(await listAll(own, {}, limit))).toEqual(byId(all))
      expect(byId(await listAll(own, { status: 'active' }, limit))).toEqual(
        byId(all.filter(({ status }) => status === 'active')),
      )
      expect(byId(await listAll(own, { anchor }, limit))).toEqual(byId(kept[0] ?? []))
      expect(byId(await listAll(own, { anchor, status: 'pending' }, limit))).toEqual([kept[0]?.[0]])
      expect(await listAll(own, { status: 'withdrawn' }, limit)).toEqual([])
    }
  })

  test('a page has no more than asked for, and the last says so', async () => {
    const shop = new Workshop()
    const anchor = { shard: shop.shard, key: shop.anchor }
    for (let n = 0; n < 5; n += 1) await stores().grants.request(shop.request(shop.grant()))
    const first = await stores().grants.list({ anchor }, undefined, 3)
    expect(first.records.length).toBeLessThanOrEqual(3)
    expect(first.next).toEqual(expect.any(String))
    expect(await stores().grants.list({ anchor: { ...anchor, key: uniqueKey() } }, undefined, 3)).toEqual({
      records: [],
    })
  })

  test('a status follows the grant', async () => {
    const { shop, grant } = await withPending(stores())
    const anchor = { shard: shop.shard, key: shop.anchor }
    const ids = async (status: GrantStatus) => (await listAll(stores(), { anchor, status })).map(({ id }) => id)
    expect(await ids('pending')).toEqual([grant.id])
    await stores().grants.revise(shop.revision(grant, { status: 'active' }))
    expect([await ids('pending'), await ids('active')]).toEqual([[], [grant.id]])
    await stores().grants.revise(shop.revision({ ...grant, version: 2 }, { status: 'revoked' }))
    expect([await ids('active'), await ids('revoked')]).toEqual([[], [grant.id]])
  })

  test.each([[undefined], ['active' as const], ['pending' as const]])(
    'what exists all along is listed exactly once while others come, change and go (status %s)',
    async (status) => {
      const own = await openAnother()
      const shop = new Workshop()
      const stay = Array.from({ length: 60 }, () => shop.grant({ status: status ?? 'active' }))
      for (const grant of stay) await own.grants.request(shop.request(grant, { pendingLimit: 1e6 }))
      const leavers = Array.from({ length: 60 }, () => shop.grant({ status: status ?? 'pending' }))
      for (const grant of leavers) await own.grants.request(shop.request(grant, { pendingLimit: 1e6 }))
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await own.grants.list(status === undefined ? {} : { status }, cursor, 5)
        seen.push(...page.records.map(({ id }) => id))
        cursor = page.next
        await own.grants.request(shop.request(shop.grant({ status: 'pending' }), { pendingLimit: 1e6 }))
        await own.grants.request(shop.request(shop.grant()))
        const leaver = leavers.pop()
        if (leaver) await own.grants.revise(shop.revision(leaver, { status: 'revoked', deadline: NOW }))
        if (leaver) await own.grants.forget(leaver.id, NOW)
      } while (cursor !== undefined)
      expect(new Set(seen).size).toBe(seen.length)
      expect(stay.filter(({ id }) => !seen.includes(id))).toEqual([])
    },
  )

  test('a grant that changes while it stays is listed exactly once', async () => {
    const own = await openAnother()
    const shop = new Workshop()
    const grants = Array.from({ length: 40 }, () => shop.grant({ status: 'pending' }))
    for (const grant of grants) await own.grants.request(shop.request(grant))
    const anchor = { shard: shop.shard, key: shop.anchor }
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await own.grants.list({ anchor }, cursor, 4)
      seen.push(...page.records.map(({ id }) => id))
      cursor = page.next
      const turn = grants[(seen.length * 7) % grants.length]!
      await own.grants.revise(shop.revision(turn, { status: seen.length % 8 === 0 ? 'active' : 'revoked' }))
    } while (cursor !== undefined)
    expect([...seen].sort()).toEqual(grants.map(({ id }) => id).sort())
  })
}

function describeExpire({ stores, openAnother }: Context): void {
  const DEADLINE = NOW + 100
  const KEPT = NOW + 5000
  const expiry = (shop: Workshop, grant: GrantRecord, n = 1) => ({
    id: grant.id,
    events: [shop.event('grant.expired', { grant: grant.id, n })],
  })
  const expire = (shop: Workshop, ...grants: readonly GrantRecord[]) =>
    stores().grants.expire(
      shop.shard,
      grants.map((grant) => expiry(shop, grant)),
      DEADLINE,
      KEPT,
    )
  const expired = (grant: GrantRecord): GrantRecord => ({
    ...grant,
    version: grant.version + 1,
    status: 'expired',
    deadline: KEPT,
  })

  test.each([
    ['sealed to its run', 'run'],
    ['standing for its anchor', 'anchor'],
  ])('an active one, %s, is expired with its evidence, and found no more', async (_, index) => {
    const { shop, grant } = await withTask(stores(), { grant: { deadline: DEADLINE } })
    const window = shop.grant({ deadline: DEADLINE, maxTasks: 3, index: { anchor: shop.anchor } })
    await stores().grants.request(shop.request(window))
    const [due, other] = index === 'run' ? [{ ...grant, tasks: 1 }, window] : [window, { ...grant, tasks: 1 }]
    const before = await lines(stores(), shop)
    const version = await runVersion(stores(), shop)
    expect(await expire(shop, due)).toEqual([due.id])
    expect(await stores().grants.read(due.id)).toEqual(expired(due))
    expect((await found(stores(), shop.where)).grants).toEqual([other])
    expect(await runVersion(stores(), shop)).toBe(version)
    const after = await lines(stores(), shop)
    expect(after.length).toBe(before.length + 1)
    expect(after.at(-1)).toContain(due.id)
  })

  test('a pending one makes room, and joins nobody', async () => {
    const shop = new Workshop()
    const joinKey = uniqueKey()
    const grant = shop.grant({ status: 'pending', deadline: DEADLINE })
    const deferral = shop.deferral(grant)
    await stores().grants.request(shop.request(grant, { joinKey, deferral, pendingLimit: 1 }))
    expect(await expire(shop, grant)).toEqual([grant.id])
    expect(await stores().grants.read(grant.id)).toEqual(expired(grant))
    expect(await stores().deferrals.join(shop.deferral(grant), [], [], 9)).toBe('closed')
    expect(await stores().deferrals.poll(shop.shard, deferral.hash, deferral.holder, NOW * 1000)).toEqual({
      kind: 'open',
      deferral,
      grant: expired(grant),
    })
    const next = shop.request(shop.grant({ status: 'pending' }), { joinKey, pendingLimit: 1, now: DEADLINE })
    expect(await stores().grants.request(next)).toEqual({ kind: 'requested' })
    const another = shop.request(shop.grant({ status: 'pending' }), { pendingLimit: 1, now: DEADLINE })
    expect(await stores().grants.request(another)).toEqual({ kind: 'too_many_pending' })
  })

  test('its time has passed at its deadline, not the second before', async () => {
    const { shop, grant } = await withGrant(stores(), { deadline: DEADLINE + 1 })
    expect(await expectNothingChanged(stores(), shop, {}, () => expire(shop, grant))).toEqual([])
    const { shop: other, grant: due } = await withGrant(stores(), { deadline: DEADLINE })
    expect(await expire(other, due)).toEqual([due.id])
  })

  test.each(ENDS)('one that is %s, one that is not there, and one that is not due are left alone', async (end) => {
    const { shop, grant } = await withGrant(stores(), { deadline: DEADLINE })
    await stores().grants.revise(shop.revision(grant, { status: end, deadline: DEADLINE }))
    const later = shop.grant({ status: 'pending', deadline: DEADLINE + 100 })
    await stores().grants.request(shop.request(later))
    const none = await expectNothingChanged(stores(), shop, {}, () => expire(shop, grant, shop.grant(), later))
    expect(none).toEqual([])
    expect(await expire(shop)).toEqual([])
  })

  test('expired is final', async () => {
    const { shop, grant, task, issuance } = await withTask(stores(), { grant: { deadline: DEADLINE, maxTasks: 2 } })
    await expire(shop, grant)
    const ended = expired({ ...grant, tasks: 1 })
    for (const from of [grant, ended]) {
      const revision = shop.revision(from, { status: 'active', deadline: NOW + 9999 })
      expect(await expectNothingChanged(stores(), shop, {}, () => stores().grants.revise(revision))).toBe('conflict')
    }
    const renewing = shop.renewing(ended, task)
    expect(await expectNothingChanged(stores(), shop, {}, () => stores().issuance.record(renewing))).toBe('grant_ended')
    expect(await stores().issuance.look(issuance.credential.id, NOW)).toMatchObject({ live: false, grant: ended })
    const again = await expectNothingChanged(stores(), shop, {}, () =>
      stores().grants.expire(shop.shard, [expiry(shop, grant)], KEPT + 1, KEPT + 2),
    )
    expect(again).toEqual([])
  })

  test('a status follows it, live ones are counted, and its deadline is when it is forgotten', async () => {
    const own = await openAnother()
    const shop = new Workshop()
    const grants = [
      shop.grant({ deadline: DEADLINE }),
      shop.grant({ status: 'pending', deadline: DEADLINE }),
      shop.grant({ deadline: NOW + 9999 }),
    ]
    for (const grant of grants) await own.grants.request(shop.request(grant))
    const [active, pending, stays] = grants.map(({ id }) => id)
    const ids = async (status: GrantStatus) => (await listAll(own, { status })).map(({ id }) => id)
    expect((await own.deadlines.lag(NOW)).liveGrants).toBe(2)
    const take = (now: number) => own.deadlines.takeDue(shop.shard, now, 30, 10)
    const due = await take(DEADLINE)
    expect(due.length).toBe(2)
    const expiries = grants.map((grant) => expiry(shop, grant))
    expect(await own.grants.expire(shop.shard, expiries, DEADLINE, KEPT)).toEqual([active, pending])
    expect([await ids('pending'), await ids('active'), (await ids('expired')).sort()]).toEqual([
      [],
      [stays],
      [active, pending].sort(),
    ])
    expect((await own.deadlines.lag(NOW)).liveGrants).toBe(1)
    expect(await take(KEPT - 1)).toEqual([])
    expect((await take(KEPT)).map(({ id }) => id).sort()).toEqual([active, pending].sort())
    await own.grants.forget(grants[0]!.id, KEPT)
    expect(await own.grants.read(grants[0]!.id)).toBeUndefined()
  })

  test('many at once: each once, in whatever company, its events in the order given', async () => {
    const own = await openAnother()
    const shop = new Workshop()
    const grants = Array.from({ length: 250 }, (_, n) =>
      shop.grant({
        status: n % 3 === 0 ? 'pending' : 'active',
        deadline: n % 5 === 0 ? DEADLINE + 1 : DEADLINE - n,
        index: n % 2 === 0 ? { anchor: shop.anchor } : { run: shop.run().run },
      }),
    )
    for (const grant of grants) await own.grants.request(shop.request(grant, { events: [], pendingLimit: 1000 }))
    const wanted = grants.filter((_, n) => n % 5 !== 0).map(({ id }) => id)
    const expiries = [...grants, ...grants].map((grant) => ({
      id: grant.id,
      events: [1, 2].map((n) => shop.event('grant.expired', { grant: grant.id, n })),
    }))
    expect(await own.grants.expire(shop.shard, expiries, DEADLINE, KEPT)).toEqual(wanted)
    const told = (await lines(own, shop)).map((line) => JSON.parse(line) as { seq: number; data: unknown })
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, at) => at + 1))
    expect(told.map(({ data }) => data)).toEqual(wanted.flatMap((id) => [1, 2].map((n) => ({ grant: id, n }))))
    expect(byId((await found(own, shop.where)).grants).every(({ deadline }) => deadline > DEADLINE)).toBe(true)
  })

  test('of fifty sweeps at once, exactly one ends it', async () => {
    const { shop, grant } = await withGrant(stores(), { deadline: DEADLINE })
    const before = await lines(stores(), shop)
    const answers = (await Promise.all(FIFTY.map(() => expire(shop, grant)))).flat()
    expect(answers).toEqual([grant.id])
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })
}

function describeForget({ stores }: Context): void {
  test('an ended grant whose time has come is gone, its credentials and codes with it', async () => {
    const shop = new Workshop()
    const grant = shop.grant({ status: 'pending' })
    const deferral = shop.deferral(grant)
    await stores().grants.request(shop.request(grant, { deferral }))
    await stores().grants.revise(shop.revision(grant, { status: 'active' }))
    const active = { ...grant, version: 2 }
    const task = shop.task(active)
    const issuance = shop.opening(active, task, await runVersion(stores(), shop))
    expect(await stores().issuance.record(issuance)).toBe('recorded')
    await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
    await stores().grants.revise(shop.revision(active, { status: 'completed', deadline: NOW + 100 }))
    await stores().grants.forget(grant.id, NOW + 99)
    expect((await stores().grants.read(grant.id))?.status).toBe('completed')
    await stores().grants.forget(grant.id, NOW + 100)
    expect(await stores().grants.read(grant.id)).toBeUndefined()
    expect(await stores().issuance.look(issuance.credential.id, NOW)).toBeUndefined()
    expect(await stores().deferrals.poll(shop.shard, deferral.hash, deferral.holder, NOW * 1000)).toEqual({
      kind: 'unknown',
    })
    expect(await listAll(stores(), { anchor: { shard: shop.shard, key: shop.anchor } })).toEqual([])
    expect((await found(stores(), shop.where)).grants).toEqual([])
    await stores().grants.forget(grant.id, NOW + 100)
  })

  test.each<GrantStatus>(['pending', 'active'])('a grant that is %s is never forgotten', async (status) => {
    const { shop, grant } = await withGrant(stores(), { status, deadline: NOW + 10 })
    await expectNothingChanged(stores(), shop, {}, () => stores().grants.forget(grant.id, NOW + 10_000))
  })

  test('a run that has ended stays ended when all is forgotten', async () => {
    const { shop, grant, task } = await withTask(stores(), { task: { endsRun: true } })
    const revision = shop.revision(grant, { status: 'completed', deadline: NOW })
    await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [], grant: revision })
    await stores().grants.forget(grant.id, NOW)
    expect(await stores().grants.find(shop.where)).toMatchObject({ runEnded: true, grants: [] })
  })
}

function describeReservations({ stores }: Context): void {
  const ids = () => new Workshop()

  test('at most so many at a time; releasing one makes room', async () => {
    const [group, shop] = [uniqueKey('group'), ids()]
    const [one, two, three] = [shop.grant().id, shop.grant().id, shop.grant().id] as const
    const reserve = (id = one) => stores().grants.reservePending(group, id, NOW + 60, 2, NOW)
    expect([await reserve(one), await reserve(two), await reserve(three)]).toEqual(['reserved', 'reserved', 'full'])
    expect(await reserve(one)).toBe('reserved')
    await stores().grants.releasePending(group, two)
    await stores().grants.releasePending(group, two)
    expect([await reserve(three), await reserve(two)]).toEqual(['reserved', 'full'])
    expect(await stores().grants.reservePending(uniqueKey('group'), two, NOW + 60, 2, NOW)).toBe('reserved')
  })

  test('a group of any name, and one that begins like another', async () => {
    const shop = ids()
    const group = `Gruppe „Ä“/${uniqueKey()}`
    expect(await stores().grants.reservePending(group, shop.grant().id, NOW + 60, 1, NOW)).toBe('reserved')
    expect(await stores().grants.reservePending(group.slice(0, -1), shop.grant().id, NOW + 60, 1, NOW)).toBe('reserved')
    expect(await stores().grants.reservePending(group, shop.grant().id, NOW + 60, 1, NOW)).toBe('full')
  })

  test('a place is free again when its time has come', async () => {
    const [group, shop] = [uniqueKey('group'), ids()]
    await stores().grants.reservePending(group, shop.grant().id, NOW + 60, 1, NOW)
    const next = (now: number) => stores().grants.reservePending(group, shop.grant().id, NOW + 600, 1, now)
    expect([await next(NOW + 59), await next(NOW + 60), await next(NOW + 61)]).toEqual(['full', 'reserved', 'full'])
  })

  test('of fifty at once for the last place, exactly one wins', async () => {
    const [group, shop] = [uniqueKey('group'), ids()]
    await stores().grants.reservePending(group, shop.grant().id, NOW + 60, 2, NOW)
    const answers = await Promise.all(
      FIFTY.map(() => stores().grants.reservePending(group, shop.grant().id, NOW + 60, 2, NOW)),
    )
    expect([count(answers, 'reserved'), count(answers, 'full')]).toEqual([1, 49])
  })
}
