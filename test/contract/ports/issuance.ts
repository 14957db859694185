import { describe, expect, test } from '@jest/globals'
import type { GrantStatus } from '../../../src/grants/grant.js'
import type { GrantRecord } from '../../../src/grants/grant-store.js'
import type { CredentialRecord, Issuance, TaskRecord } from '../../../src/grants/issuance-store.js'
import { randomIds } from '../../../src/runtime/ids.js'
import { found } from '../../support/store-dump.js'
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
  withTask,
} from './context.js'

export function describeIssuance(context: Context): void {
  describe('recording a credential', () => {
    describeRecorded(context)
  })
  describe('refusing to record a credential', () => {
    describeRefusals(context)
    describeOrder(context)
  })
  describe('recording fifty at once', () => {
    describeRaces(context)
  })
  describe('claims', () => {
    describeClaims(context)
  })
  describe('how a credential stands', () => {
    describeLook(context)
  })
  describe('ending and confirming credentials', () => {
    describeEnds(context)
  })
}

function describeRecorded({ stores }: Context): void {
  test('with a grant made for this run: grant, task, credential, lease and evidence', async () => {
    const shop = new Workshop()
    const grant = shop.grant({ maxTasks: 3, tasks: 7 })
    const task = shop.task(grant)
    const claim = aClaim()
    const issuance = shop.creating(grant, task, await runVersion(stores(), shop), {
      claims: [claim],
      events: [shop.event('grant.activated'), shop.event('task.opened'), shop.event('credential.issued')],
    })
    const before = await lines(stores(), shop)
    expect(await stores().issuance.record(issuance)).toBe('recorded')
    const kept = { ...grant, tasks: 1 }
    expect(await stores().grants.read(grant.id)).toEqual(kept)
    expect(await stores().tasks.read(task.id)).toEqual(task)
    expect(await stores().issuance.look(issuance.credential.id, NOW)).toEqual({
      credential: issuance.credential,
      live: true,
      grant: kept,
      task,
    })
    expect(await found(stores(), shop.where)).toMatchObject({
      runEnded: false,
      grants: [kept],
      tasks: [{ grantId: grant.id, taskId: task.id, open: true }],
    })
    expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('taken')
    const after = await lines(stores(), shop)
    expect(after.slice(before.length).map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'grant.activated',
      'task.opened',
      'credential.issued',
    ])
  })

  test('under a grant that exists, whose tasks are counted', async () => {
    const { shop, grant } = await withGrant(stores(), { maxTasks: 2 })
    const [first, second] = [shop.task(grant), shop.task(grant, shop.run(shop.where.run))]
    expect(await stores().issuance.record(shop.opening(grant, first, await runVersion(stores(), shop)))).toBe(
      'recorded',
    )
    expect((await stores().grants.read(grant.id))?.tasks).toBe(1)
    expect(await stores().issuance.record(shop.opening(grant, second, await runVersion(stores(), shop)))).toBe(
      'recorded',
    )
    expect((await stores().grants.read(grant.id))?.tasks).toBe(2)
    expect((await stores().grants.read(grant.id))?.version).toBe(1)
  })

  test('of an open task: the lease grows and never shrinks, the tasks stay', async () => {
    const { shop, grant, task } = await withTask(stores())
    const renewed = (leaseUntil: number) => stores().issuance.record(shop.renewing(grant, task, { leaseUntil }))
    expect(await renewed(NOW + 2000)).toBe('recorded')
    expect((await stores().tasks.read(task.id))?.leaseUntil).toBe(NOW + 2000)
    expect(await renewed(NOW + 100)).toBe('recorded')
    expect((await stores().tasks.read(task.id))?.leaseUntil).toBe(NOW + 2000)
    expect((await stores().grants.read(grant.id))?.tasks).toBe(1)
  })

  test('repeating it with the same credential id changes nothing, whatever else is wrong with it', async () => {
    const claim = aClaim()
    const { shop, task, credential, issuance } = await withTask(stores(), {
      task: { endsRun: true },
      issuance: { claims: [claim] },
    })
    const seen = { tasks: [task.id], credentials: [credential.id] }
    const again = () => stores().issuance.record(issuance)
    expect(await expectNothingChanged(stores(), shop, seen, again)).toBe('recorded')
    await stores().tasks.end({ id: task.id, state: 'completed', at: NOW, events: [] })
    expect(await expectNothingChanged(stores(), shop, seen, again)).toBe('recorded')
  })

  test('redeems the deferral code it was waiting with', async () => {
    const shop = new Workshop()
    const pending = shop.grant({ status: 'pending' })
    const deferral = shop.deferral(pending)
    await stores().grants.request(shop.request(pending, { deferral }))
    await stores().grants.revise(shop.revision(pending, { status: 'active' }))
    const grant = { ...pending, version: 2 }
    const task = shop.task(grant)
    const issuance = shop.opening(grant, task, await runVersion(stores(), shop), { deferral: deferral.hash })
    expect(await stores().issuance.record(issuance)).toBe('recorded')
    const poll = await stores().deferrals.poll(shop.shard, deferral.hash, deferral.holder, NOW * 1000)
    expect(poll).toEqual({ kind: 'redeemed' })
  })

  test('handed on, under a parent that lives, with its ticket', async () => {
    const { shop, grant, task, credential } = await withTask(stores())
    const ticket = aClaim()
    const child = shop.credential(task, { ancestors: [credential.id] })
    const handedOn = { ticket, holder: uniqueKey('holder'), maxChildren: 1 }
    expect(await stores().issuance.record(shop.renewing(grant, task, { credential: child, handedOn }))).toBe('recorded')
    expect((await stores().issuance.look(child.id, NOW))?.live).toBe(true)
    expect(await stores().issuance.claim(shop.shard, ticket, NOW)).toBe('taken')
  })
}

/** A world in which everything about an issuance is right, and ways to make one thing of it wrong. */
async function aWorld({ stores }: Context, renews: boolean) {
  const {
    shop,
    grant: first,
    task,
    credential,
  } = await withTask(stores(), { grant: { status: 'active', maxTasks: 3 } })
  const pending = shop.grant({ status: 'pending' })
  const deferral = shop.deferral(first)
  const ofAnother = shop.deferral(pending)
  await stores().grants.request(shop.request(pending, { deferral: ofAnother }))
  // A code of an active grant: asked for while it was pending.
  const asked = shop.grant({ status: 'pending', maxTasks: 3 })
  const code = { ...deferral, grantId: asked.id }
  await stores().grants.request(shop.request(asked, { deferral: code }))
  await stores().grants.revise(shop.revision(asked, { status: 'active' }))
  const grant: GrantRecord = { ...asked, version: 2, status: 'active' }
  const opened = shop.task(grant, shop.run(shop.where.run))
  await stores().issuance.record(shop.opening(grant, opened, await runVersion(stores(), shop)))
  const next = shop.task(grant, shop.run(shop.where.run))
  const base: Partial<Issuance> = {
    claims: [aClaim(), aClaim()],
    deferral: code.hash,
    handedOn: { ticket: aClaim(), holder: uniqueKey('holder'), maxChildren: 1 },
    credential: shop.credential(renews ? opened : next, { ancestors: [credential.id] }),
  }
  const version = await runVersion(stores(), shop)
  const issuance = renews ? shop.renewing(grant, opened, base) : shop.opening(grant, next, version, base)
  return { shop, grant, task, opened, next, credential, pending, ofAnother, issuance, version }
}

type World = Awaited<ReturnType<typeof aWorld>>
type Wrong = readonly [
  name: string,
  answer: string,
  apply: (world: World, context: Context) => Promise<Partial<Issuance>>,
]

const endGrant =
  (status: GrantStatus) =>
  async ({ shop, grant }: World, { stores }: Context): Promise<Partial<Issuance>> => {
    const current = await stores().grants.read(grant.id)
    await stores().grants.revise(shop.revision(current ?? grant, { status }))
    return { grant: { id: grant.id, version: grant.version } }
  }

/** In the order in which stores refuse. */
const WRONG: readonly Wrong[] = [
  [
    'the run has ended',
    'run_ended',
    async ({ shop }, { stores }) => {
      const grant = shop.grant()
      const last = shop.task(grant, shop.run(shop.where.run), { endsRun: true })
      await stores().issuance.record(shop.creating(grant, last, await runVersion(stores(), shop)))
      await stores().tasks.end({ id: last.id, state: 'completed', at: NOW, events: [] })
      return { task: { open: shop.task(grant), runVersion: await runVersion(stores(), shop) } }
    },
  ],
  [
    'a claim was taken',
    'claim_taken',
    async ({ shop, issuance }, { stores }) => {
      await stores().issuance.claim(shop.shard, issuance.claims[1]!, NOW)
      return {}
    },
  ],
  [
    'the ticket was used',
    'ticket_used',
    async ({ shop, issuance }, { stores }) => {
      await stores().issuance.claim(shop.shard, issuance.handedOn!.ticket, NOW)
      return {}
    },
  ],
  [
    'there is no such grant',
    'grant_ended',
    ({ shop }) => Promise.resolve({ grant: { id: shop.grant().id, version: 1 } }),
  ],
  ['the grant was revoked', 'grant_ended', endGrant('revoked')],
  ['the grant is completed', 'grant_ended', endGrant('completed')],
  ['the deadline of the grant has come', 'grant_ended', ({ grant }) => Promise.resolve({ now: grant.deadline })],
  [
    'the grant has another version',
    'conflict',
    async ({ shop, grant }, { stores }) => {
      await stores().grants.revise(shop.revision(grant))
      return {}
    },
  ],
  [
    'the grant is pending',
    'conflict',
    ({ pending }) => Promise.resolve({ grant: { id: pending.id, version: pending.version } }),
  ],
]

const WRONG_OPENING: readonly Wrong[] = [
  [
    'the run has changed',
    'conflict',
    async ({ shop }, { stores }) => {
      await stores().grants.request(shop.request(shop.grant()))
      return {}
    },
  ],
  [
    'the grant has all its tasks',
    'over_tasks',
    async ({ shop, grant, next }, { stores }) => {
      for (let n = 0; n < 2; n += 1) {
        const other = shop.task(grant, shop.run(shop.where.run))
        await stores().issuance.record(shop.opening(grant, other, await runVersion(stores(), shop)))
      }
      return { task: { open: next, runVersion: await runVersion(stores(), shop) } }
    },
  ],
]

const WRONG_RENEWING: readonly Wrong[] = [
  [
    'there is no such task',
    'task_ended',
    ({ next }) => Promise.resolve({ task: { renew: next.id, errand: next.errand } }),
  ],
  [
    'the task is of another grant',
    'task_ended',
    ({ task }) => Promise.resolve({ task: { renew: task.id, errand: task.errand } }),
  ],
  [
    'the task has ended',
    'task_ended',
    async ({ opened }, { stores }) => {
      await stores().tasks.end({ id: opened.id, state: 'abandoned', at: NOW, events: [] })
      return {}
    },
  ],
]

const WRONG_LAST: readonly Wrong[] = [
  [
    'an ancestor was never recorded',
    'parent_ended',
    ({ shop, issuance, credential }) =>
      Promise.resolve({
        credential: { ...issuance.credential, ancestors: [credential.id, randomIds.credentialId(shop.shard)] },
      }),
  ],
  [
    'an ancestor was revoked',
    'parent_ended',
    async ({ credential }, { stores }) => {
      await stores().issuance.endCredential(credential.id, 'revoked', NOW, [])
      return {}
    },
  ],
  ['an ancestor has expired', 'parent_ended', ({ credential }) => Promise.resolve({ now: credential.expiresAt })],
  [
    'the holder has all its children',
    'over_children',
    ({ issuance }) => Promise.resolve({ handedOn: { ...issuance.handedOn!, maxChildren: 0 } }),
  ],
  ['there is no such code', 'deferral_closed', () => Promise.resolve({ deferral: uniqueKey() })],
  ['the code is of another grant', 'deferral_closed', ({ ofAnother }) => Promise.resolve({ deferral: ofAnother.hash })],
  [
    'the code was redeemed',
    'deferral_closed',
    async ({ shop, grant, opened, issuance }, { stores }) => {
      const first = shop.renewing(grant, opened, { deferral: issuance.deferral! })
      expect(await stores().issuance.record(first)).toBe('recorded')
      return {}
    },
  ],
]

function describeRefusals(context: Context): void {
  const { stores } = context

  describe.each([
    ['opening a task', false, [...WRONG, ...WRONG_OPENING, ...WRONG_LAST]],
    ['renewing a task', true, [...WRONG, ...WRONG_RENEWING, ...WRONG_LAST]],
  ] as const)('%s', (_, renews, wrongs) => {
    test('everything right is recorded', async () => {
      const { issuance } = await aWorld(context, renews)
      expect(await stores().issuance.record(issuance)).toBe('recorded')
    })

    test.each(wrongs)('%s: %s, and nothing changes', async (name, answer, apply) => {
      const world = await aWorld(context, renews)
      const changes = await apply(world, context)
      const issuance = { ...world.issuance, ...changes }
      const { shop, opened, next, task } = world
      const seen = {
        runs: [shop.where, issuance.where],
        tasks: [opened.id, next.id, task.id],
        credentials: [issuance.credential.id, world.credential.id],
      }
      const record = () => stores().issuance.record(issuance)
      expect(await expectNothingChanged(stores(), shop, seen, record)).toBe(answer)
      // No claim was taken on the way.
      const free = [...issuance.claims, issuance.handedOn!.ticket].slice(0, name.includes('claim') ? 1 : 2)
      for (const claim of free) expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('claimed')
    })
  })

  describe('making a grant', () => {
    const creating = async (changes: Partial<GrantRecord> = {}) => {
      const shop = new Workshop()
      const grant = shop.grant(changes)
      return { shop, grant, task: shop.task(grant), version: await runVersion(stores(), shop) }
    }

    test('the run has changed: conflict', async () => {
      const { shop, grant, task, version } = await creating()
      await stores().grants.request(shop.request(shop.grant()))
      const record = () => stores().issuance.record(shop.creating(grant, task, version))
      expect(await expectNothingChanged(stores(), shop, { tasks: [task.id] }, record)).toBe('conflict')
      expect(await stores().grants.read(grant.id)).toBeUndefined()
    })

    test('its deadline has come: grant_ended', async () => {
      const { shop, grant, task, version } = await creating({ deadline: NOW })
      const record = () => stores().issuance.record(shop.creating(grant, task, version))
      expect(await expectNothingChanged(stores(), shop, {}, record)).toBe('grant_ended')
    })

    test('it is there already: conflict', async () => {
      const { shop, grant, task } = await creating()
      await stores().grants.request(shop.request(grant))
      const issuance = shop.creating(grant, task, await runVersion(stores(), shop))
      expect(await expectNothingChanged(stores(), shop, {}, () => stores().issuance.record(issuance))).toBe('conflict')
    })

    test('it allows no task: over_tasks', async () => {
      const { shop, grant, task, version } = await creating({ maxTasks: 0 })
      const record = () => stores().issuance.record(shop.creating(grant, task, version))
      expect(await expectNothingChanged(stores(), shop, {}, record)).toBe('over_tasks')
    })
  })
}

/** Two things are wrong at once: the one that comes first in the order is told. */
function describeOrder(context: Context): void {
  const { stores } = context
  const opening = [...WRONG, ...WRONG_OPENING, ...WRONG_LAST]
  const renewing = [...WRONG, ...WRONG_RENEWING, ...WRONG_LAST]
  const pairs = (renews: boolean, wrongs: readonly Wrong[]) =>
    wrongs.flatMap((first, at) =>
      wrongs
        .slice(at + 1)
        .filter((second) => second[1] !== first[1])
        .map((second) => [first, second, renews] as const),
    )

  test.each([
    ['opening', pairs(false, opening)],
    ['renewing', pairs(true, renewing)],
  ] as const)('when several things are wrong, the first of the order is told (%s)', async (_, all) => {
    for (const [first, second, renews] of all) {
      const world = await aWorld(context, renews)
      // What is wrong in the store is made so first; what is wrong in the call overlays the rest.
      const later = await second[2](world, context)
      const earlier = await first[2](world, context)
      const issuance = { ...world.issuance, ...later, ...earlier }
      const answer = await stores().issuance.record(issuance)
      expect(`${first[0]} & ${second[0]}: ${answer}`).toBe(`${first[0]} & ${second[0]}: ${first[1]}`)
    }
  })
}

function describeRaces({ stores }: Context): void {
  const recordAll = (issuances: readonly Issuance[]) =>
    Promise.all(issuances.map((issuance) => stores().issuance.record(issuance)))

  test('with one claim: exactly one wins', async () => {
    const { shop, grant, task } = await withTask(stores())
    const claim = aClaim()
    const before = await lines(stores(), shop)
    const answers = await recordAll(FIFTY.map(() => shop.renewing(grant, task, { claims: [claim] })))
    expect([count(answers, 'recorded'), count(answers, 'claim_taken')]).toEqual([1, 49])
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })

  test('with one ticket: exactly one wins', async () => {
    const { shop, grant, task } = await withTask(stores())
    const handedOn = { ticket: aClaim(), holder: uniqueKey(), maxChildren: 99 }
    const answers = await recordAll(FIFTY.map(() => shop.renewing(grant, task, { handedOn })))
    expect([count(answers, 'recorded'), count(answers, 'ticket_used')]).toEqual([1, 49])
  })

  test('for the last child: exactly one wins', async () => {
    const { shop, grant, task } = await withTask(stores())
    const holder = uniqueKey()
    const handedOn = () => ({ ticket: aClaim(), holder, maxChildren: 3 })
    await recordAll([1, 2].map(() => shop.renewing(grant, task, { handedOn: handedOn() })))
    const answers = await recordAll(FIFTY.map(() => shop.renewing(grant, task, { handedOn: handedOn() })))
    expect([count(answers, 'recorded'), count(answers, 'over_children')]).toEqual([1, 49])
    const other = shop.renewing(grant, task, { handedOn: { ...handedOn(), holder: uniqueKey() } })
    expect(await stores().issuance.record(other)).toBe('recorded')
  })

  test('for one deferral code: exactly one wins', async () => {
    const shop = new Workshop()
    const pending = shop.grant({ status: 'pending' })
    const deferral = shop.deferral(pending)
    await stores().grants.request(shop.request(pending, { deferral }))
    await stores().grants.revise(shop.revision(pending, { status: 'active' }))
    const grant = { ...pending, version: 2 }
    const task = shop.task(grant)
    await stores().issuance.record(shop.opening(grant, task, await runVersion(stores(), shop)))
    const answers = await recordAll(FIFTY.map(() => shop.renewing(grant, task, { deferral: deferral.hash })))
    expect([count(answers, 'recorded'), count(answers, 'deferral_closed')]).toEqual([1, 49])
  })

  test('opening an errand from the same look at the run: exactly one wins, under one grant or fifty', async () => {
    const { shop, grant } = await withGrant(stores(), { maxTasks: 99 })
    const version = await runVersion(stores(), shop)
    const answers = await recordAll(FIFTY.map(() => shop.opening(grant, shop.task(grant), version)))
    expect([count(answers, 'recorded'), count(answers, 'conflict')]).toEqual([1, 49])
    const shop2 = new Workshop()
    const version2 = await runVersion(stores(), shop2)
    const created = FIFTY.map(() => shop2.grant()).map((made) => shop2.creating(made, shop2.task(made), version2))
    const answers2 = await recordAll(created)
    expect([count(answers2, 'recorded'), count(answers2, 'conflict')]).toEqual([1, 49])
    expect((await stores().grants.find(shop2.where)).grants.length).toBe(1)
  })

  test('for the last task of a window, from fifty runs: exactly one wins', async () => {
    const shop = new Workshop()
    const grant = shop.grant({ index: { anchor: shop.anchor }, maxTasks: 3 })
    await stores().grants.request(shop.request(grant))
    const openings = await Promise.all(
      FIFTY.map(async () => {
        const where = shop.run()
        return shop.opening(grant, shop.task(grant, where), await runVersion(stores(), shop, where))
      }),
    )
    const firstTwo = await recordAll(openings.slice(0, 2))
    expect(firstTwo).toEqual(['recorded', 'recorded'])
    const answers = await recordAll(openings.slice(2))
    expect([count(answers, 'recorded'), count(answers, 'over_tasks')]).toEqual([1, 47])
    expect((await stores().grants.read(grant.id))?.tasks).toBe(3)
  })

  test('the same credential fifty times is one', async () => {
    const { shop, grant, task } = await withTask(stores())
    const issuance = shop.renewing(grant, task, { claims: [aClaim()] })
    const before = await lines(stores(), shop)
    expect(count(await recordAll(FIFTY.map(() => issuance)), 'recorded')).toBe(50)
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })

  test('after an end is acknowledged, nothing is recorded under it', async () => {
    const { shop, grant, task } = await withTask(stores())
    let acknowledged = false
    const end = stores()
      .grants.revise(shop.revision(grant, { status: 'revoked' }))
      .then((answer) => {
        acknowledged = true
        return answer
      })
    const answers: { answer: string; late: boolean }[] = []
    while (answers.filter(({ late }) => late).length < 5) {
      const late = acknowledged
      answers.push({ answer: await stores().issuance.record(shop.renewing(grant, task)), late })
    }
    expect(await end).toBe('revised')
    expect(answers.filter(({ answer, late }) => late && answer === 'recorded')).toEqual([])
    expect(answers.at(-1)).toEqual({ answer: 'grant_ended', late: true })
  })
}

function describeClaims({ stores }: Context): void {
  test('a claim is taken once, by `claim` and by the other verbs alike', async () => {
    const { shop, grant, task } = await withTask(stores())
    const [one, two] = [aClaim(), aClaim()]
    expect(await stores().issuance.claim(shop.shard, one, NOW)).toBe('claimed')
    expect(await stores().issuance.claim(shop.shard, one, NOW)).toBe('taken')
    expect(await stores().issuance.record(shop.renewing(grant, task, { claims: [one] }))).toBe('claim_taken')
    expect(await stores().issuance.record(shop.renewing(grant, task, { claims: [two] }))).toBe('recorded')
    expect(await stores().issuance.claim(shop.shard, two, NOW)).toBe('taken')
  })

  test('an equal binding that is not empty takes it again', async () => {
    const shop = new Workshop()
    const claim = aClaim({ binding: 'task:1' })
    const take = (binding: string) => stores().issuance.claim(shop.shard, { ...claim, binding }, NOW)
    expect([await take('task:1'), await take('task:1'), await take('task:2'), await take('')]).toEqual([
      'claimed',
      'claimed',
      'taken',
      'taken',
    ])
  })

  test('it is kept until its time, through sweeps', async () => {
    const shop = new Workshop()
    const claim = aClaim({ until: NOW + 100 })
    expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('claimed')
    await stores().deadlines.takeDue(shop.shard, NOW + 99, 30, 100)
    expect(await stores().issuance.claim(shop.shard, claim, NOW + 99)).toBe('taken')
  })

  test('taken again for longer, it is kept for longer', async () => {
    const shop = new Workshop()
    const claim = aClaim({ binding: 'task:1', until: NOW + 100 })
    await stores().issuance.claim(shop.shard, claim, NOW)
    await stores().issuance.claim(shop.shard, { ...claim, until: NOW + 1000 }, NOW)
    await stores().deadlines.takeDue(shop.shard, NOW + 500, 30, 100)
    await stores().deadlines.takeDue(shop.shard, NOW + 501, 30, 100)
    expect(await stores().issuance.claim(shop.shard, { ...claim, binding: '' }, NOW + 501)).toBe('taken')
  })

  test('of fifty at once, exactly one wins', async () => {
    const shop = new Workshop()
    const claim = aClaim()
    const answers = await Promise.all(FIFTY.map(() => stores().issuance.claim(shop.shard, claim, NOW)))
    expect([count(answers, 'claimed'), count(answers, 'taken')]).toEqual([1, 49])
  })
}

function describeLook({ stores }: Context): void {
  const liveAt = async (id: CredentialRecord['id'], now = NOW) => (await stores().issuance.look(id, now))?.live

  test('unknown is nothing', async () => {
    expect(await stores().issuance.look(randomIds.credentialId(1), NOW)).toBeUndefined()
  })

  test('it lives until it expires', async () => {
    const { credential } = await withTask(stores())
    expect([
      await liveAt(credential.id, credential.expiresAt - 1),
      await liveAt(credential.id, credential.expiresAt),
    ]).toEqual([true, false])
  })

  test('it lives until the deadline of its grant', async () => {
    const { credential, grant } = await withTask(stores(), { grant: { deadline: NOW + 60 } })
    expect([await liveAt(credential.id, grant.deadline - 1), await liveAt(credential.id, grant.deadline)]).toEqual([
      true,
      false,
    ])
  })

  test.each<GrantStatus>(['revoked', 'completed', 'expired'])('it dies with its grant (%s)', async (status) => {
    const { shop, grant, credential } = await withTask(stores())
    await stores().grants.revise(shop.revision(grant, { status }))
    expect(await stores().issuance.look(credential.id, NOW)).toMatchObject({
      live: false,
      grant: { status, version: 2 },
    })
  })

  test.each<TaskRecord['state']>(['completed', 'abandoned', 'revoked'])('it dies with its task (%s)', async (state) => {
    const { task, credential } = await withTask(stores())
    if (state !== 'open') await stores().tasks.end({ id: task.id, state, at: NOW, events: [] })
    expect(await stores().issuance.look(credential.id, NOW)).toMatchObject({ live: false, task: { state } })
  })

  test('ending a parent ends its whole tree, and nothing beside it', async () => {
    const { shop, grant, task, credential: root } = await withTask(stores())
    const add = async (...ancestors: readonly CredentialRecord['id'][]) => {
      const credential = shop.credential(task, { ancestors })
      expect(await stores().issuance.record(shop.renewing(grant, task, { credential }))).toBe('recorded')
      return credential.id
    }
    const sibling = await add()
    const child = await add(root.id)
    const otherChild = await add(root.id)
    const grandchild = await add(root.id, child)
    const standing = async () => Promise.all([root.id, sibling, child, otherChild, grandchild].map((id) => liveAt(id)))
    expect(await standing()).toEqual([true, true, true, true, true])
    await stores().issuance.endCredential(child, 'revoked', NOW, [])
    expect(await standing()).toEqual([true, true, false, true, false])
    await stores().issuance.endCredential(root.id, 'voided', NOW, [])
    expect(await standing()).toEqual([false, true, false, false, false])
  })
}

function describeEnds({ stores }: Context): void {
  test('an end is final and told once in the evidence', async () => {
    const { shop, credential } = await withTask(stores())
    const before = await lines(stores(), shop)
    const end = () => stores().issuance.endCredential(credential.id, 'revoked', NOW, [shop.event('credential.revoked')])
    expect(await end()).toBe('ended')
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
    expect(await expectNothingChanged(stores(), shop, { credentials: [credential.id] }, end)).toBe('already')
    expect((await stores().issuance.look(credential.id, NOW))?.live).toBe(false)
  })

  test('an unknown credential is unknown, and nothing is told', async () => {
    const shop = new Workshop()
    const end = () =>
      stores().issuance.endCredential(randomIds.credentialId(shop.shard), 'revoked', NOW, [shop.event()])
    expect(await expectNothingChanged(stores(), shop, {}, end)).toBe('unknown')
  })

  test('of fifty ends at once, one ends and the others come too late', async () => {
    const { shop, credential } = await withTask(stores())
    const before = await lines(stores(), shop)
    const answers = await Promise.all(
      FIFTY.map(() =>
        stores().issuance.endCredential(credential.id, 'revoked', NOW, [shop.event('credential.revoked')]),
      ),
    )
    expect([count(answers, 'ended'), count(answers, 'already')]).toEqual([1, 49])
    expect((await lines(stores(), shop)).length).toBe(before.length + 1)
  })

  test('what was confirmed is never voided, also when the sweeper was handed it before; revoking it works', async () => {
    const { shop, credential } = await withTask(stores())
    expect(await stores().deadlines.takeDue(shop.shard, NOW + 10_000, 30, 10_000)).toContainEqual({
      kind: 'credential',
      id: credential.id,
    })
    await stores().issuance.confirm([credential.id])
    const ended = (how: 'voided' | 'revoked') =>
      stores().issuance.endCredential(credential.id, how, NOW, [shop.event('credential.revoked')])
    const about = { credentials: [credential.id] }
    expect(await expectNothingChanged(stores(), shop, about, () => ended('voided'))).toBe('already')
    expect(await ended('revoked')).toBe('ended')
  })

  test('what was never confirmed is voided, also when the sweeper was handed it before', async () => {
    const { shop, credential } = await withTask(stores())
    await stores().deadlines.takeDue(shop.shard, NOW + 10_000, 30, 10_000)
    expect(await stores().issuance.endCredential(credential.id, 'voided', NOW, [shop.event()])).toBe('ended')
  })

  test('confirming what is not there, or nothing, is harmless', async () => {
    await stores().issuance.confirm([])
    await stores().issuance.confirm([randomIds.credentialId(2), randomIds.credentialId(60)])
  })
}
