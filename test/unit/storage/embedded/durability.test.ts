import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Stores } from '../../../../src/grants/stores.js'
import type { DatabaseLimits } from '../../../../src/storage/embedded/database.js'
import { openEmbeddedStores } from '../../../../src/storage/embedded/open.js'
import { TEST_EPOCH, turnableClock } from '../../../support/clock.js'
import { byId, listAll } from '../../../support/store-dump.js'
import { aClaim, anEvent, Workshop } from '../../../support/store-records.js'

const clock = turnableClock()
const SMALL: DatabaseLimits = { segmentBytes: 20_000, backlogBytes: 1 << 26, retryMs: 10 }

/** A shard that no test looks at. */
const SETTLING = 15

let folder: string
let directory: string
const opened: Stores[] = []

const open = async (where = directory, limits = SMALL): Promise<Stores> => {
  const stores = await openEmbeddedStores({ directory: where, clock, limits })
  opened.push(stores)
  return stores
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-durable-'))
  directory = join(folder, 'data')
})

afterEach(async () => {
  for (const stores of opened.splice(0)) await stores.close()
  await rm(folder, { recursive: true, force: true })
})

/**
 * What a machine would find that lost its power now: the files as they are, without the lock of a living process. Files are
 * copied one after another, so that a take-over must not be running.
 */
async function crash(stores: Stores): Promise<string> {
  await settle(stores)
  const copy = join(folder, `crashed-${Math.trunc(performance.now() * 1000)}`)
  await cp(directory, copy, { recursive: true })
  await rm(join(copy, 'lock'), { force: true })
  return copy
}

/**
 * Waits until no segment is begun or taken over. One is begun after the last group of the one before was acknowledged, and
 * before the next group is written: a few small groups later there is none to begin.
 */
async function settle(stores: Stores): Promise<void> {
  await takenOver()
  for (let group = 0; group < 3; group += 1) await stores.evidence.append([anEvent(SETTLING)])
  await takenOver()
}

const takenOver = async (): Promise<void> => {
  while ((await logs()).length > 1) await new Promise((resolve) => setTimeout(resolve, 5))
}

const logs = async () => (await readdir(directory)).filter((name) => name.startsWith('log-')).sort()

/** A grant with a task and a credential for each number; the odd ones are revoked. */
async function work(stores: Stores, count: number) {
  const shop = new Workshop(5)
  const made = Array.from({ length: count }, () => shop.grant({ index: { anchor: shop.anchor } }))
  const issuances = await Promise.all(
    made.map(async (grant) => {
      const where = shop.run()
      const task = shop.task(grant, where)
      const { runVersion } = await stores.grants.find(where)
      return shop.creating(grant, task, runVersion, { claims: [aClaim()] })
    }),
  )
  // A few at a time, so that there are several groups.
  for (let at = 0; at < count; at += 5) {
    const some = issuances.slice(at, at + 5)
    const answers = await Promise.all(some.map((issuance) => stores.issuance.record(issuance)))
    expect(answers).toEqual(some.map(() => 'recorded'))
  }
  const revoked = made.filter((_, index) => index % 2 === 1)
  await Promise.all(revoked.map((grant) => stores.grants.revise(shop.revision(grant, { status: 'revoked' }))))
  return { shop, made, issuances }
}

async function expectAll(stores: Stores, { shop, made, issuances }: Awaited<ReturnType<typeof work>>) {
  const records = await listAll(stores, { anchor: { shard: shop.shard, key: shop.anchor } }, 50)
  expect(byId(records).map(({ id }) => id)).toEqual(byId(made).map(({ id }) => id))
  const standings = await Promise.all(
    issuances.map(({ credential }) => stores.issuance.look(credential.id, TEST_EPOCH)),
  )
  expect(standings.map((standing) => standing?.live)).toEqual(issuances.map((_, index) => index % 2 === 0))
  const claims = await Promise.all(
    issuances.map(({ claims: [claim] }) => stores.issuance.claim(shop.shard, claim ?? aClaim(), TEST_EPOCH)),
  )
  expect(new Set(claims)).toEqual(new Set(['taken']))
  const lines = await stores.evidence.read(shop.shard, 0, 10_000)
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1))
  expect(lines.length).toBe(made.length + Math.floor(made.length / 2))
  expect(await stores.deadlines.lag(TEST_EPOCH)).toEqual({ seconds: 0, liveGrants: Math.ceil(made.length / 2) })
}

describe('what was acknowledged', () => {
  test('is there after an orderly stop, all of it in lmdb', async () => {
    const stores = await open()
    const done = await work(stores, 40)
    await stores.close()
    expect(await logs()).toEqual([])
    await expectAll(await open(), done)
  })

  test('is there after the power went, at any number of segments', async () => {
    const stores = await open()
    for (const count of [1, 10, 60]) {
      const done = await work(stores, count)
      const after = await open(await crash(stores))
      const { shop, made } = done
      const records = await listAll(after, { anchor: { shard: shop.shard, key: shop.anchor } }, 50)
      expect(records.filter(({ id }) => made.some((grant) => grant.id === id)).length).toBe(count)
    }
    expect((await readdir(folder)).length).toBe(4)
  })

  test('is there, once, when a stopped take-over is done again', async () => {
    const stores = await open(directory, { ...SMALL, segmentBytes: 1 << 26 })
    const done = await work(stores, 30)
    const copy = await crash(stores)
    const [log = ''] = (await readdir(copy)).filter((name) => name.startsWith('log-'))
    const bytes = await readFile(join(copy, log))
    await (await openEmbeddedStores({ directory: copy, clock })).close()
    // As if the process had died after lmdb had it all, but before the mark and the removal.
    await writeFile(join(copy, 'log-000000000009'), bytes)
    await expectAll(await open(copy), done)
  })

  test('is there in the frozen part, in the active part and in lmdb alike', async () => {
    const stores = await open()
    const done = await work(stores, 200)
    await expectAll(stores, done)
    expect((await logs()).length).toBeLessThanOrEqual(2)
    expect(Number((await logs()).at(-1)?.slice(4))).toBeGreaterThan(3)
  })

  test('a group that was being written when the power went is left out whole', async () => {
    const stores = await open(directory, { ...SMALL, segmentBytes: 1 << 26 })
    await stores.evidence.append([anEvent(1), anEvent(1)])
    const copy = await crash(stores)
    await stores.evidence.append([anEvent(1), anEvent(1)])
    const [log = ''] = await logs()
    const bytes = await readFile(join(directory, log))
    await writeFile(join(copy, log), bytes.subarray(0, bytes.length - 1))
    expect((await (await open(copy)).evidence.heads())[1]).toBe(2)
  })

  test('damage in the middle of the log is told, not passed over', async () => {
    const stores = await open(directory, { ...SMALL, segmentBytes: 1 << 26 })
    await stores.evidence.append([anEvent(1)])
    await stores.evidence.append([anEvent(1)])
    const copy = await crash(stores)
    const [log = ''] = (await readdir(copy)).filter((name) => name.startsWith('log-'))
    const bytes = await readFile(join(copy, log))
    bytes[40] = (bytes[40] ?? 0) ^ 1
    await writeFile(join(copy, log), bytes)
    await expect(open(copy)).rejects.toMatchObject({
      code: 'store_unavailable',
      cause: { message: /is damaged at byte 0/ },
    })
  })
})

describe('the data directory', () => {
  test('is for its owner only, and so is all in it', async () => {
    const stores = await open()
    await work(stores, 20)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    // Segments come and go; the others stay.
    await settle(stores)
    for (const name of await readdir(directory)) {
      expect([name, (await stat(join(directory, name))).mode & 0o777]).toEqual([name, 0o600])
    }
  })

  test('is for one broker at a time', async () => {
    const stores = await open()
    await expect(open()).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('in use by process'),
    })
    await stores.evidence.append([anEvent(1)])
    await stores.close()
    expect((await (await open()).evidence.heads())[1]).toBe(1)
  })

  test('that cannot be made is a fault, and locks nothing', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(open(join(folder, 'file', 'data'))).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('a log that cannot be written', () => {
  test('nothing is acknowledged and nothing is shown; what was acknowledged is there when it can be written again', async () => {
    const stores = await open(directory, { ...SMALL, segmentBytes: 1 })
    const shop = new Workshop(7)
    const grant = shop.grant()
    await stores.grants.request(shop.request(grant))
    // The first group is in the first segment, and each from then on begins one; the next one's name is taken by a folder.
    const last = Number((await logs()).at(-1)?.slice(4))
    const names = Array.from({ length: 40 }, (_, index) => `log-${String(last + 1 + index).padStart(12, '0')}`)
    await Promise.all(names.map((name) => mkdir(join(directory, name), { recursive: true })))
    const answers = []
    for (let n = 0; n < 5; n += 1) {
      answers.push(
        await stores.evidence.append([anEvent(7)]).then(
          () => 'appended',
          (error: unknown) => error,
        ),
      )
    }
    expect(answers.at(-1)).toMatchObject({ code: 'store_unavailable' })
    await expect(stores.grants.read(grant.id)).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(stores.ready()).rejects.toMatchObject({ code: 'store_unavailable' })
    await Promise.all(names.map((name) => rm(join(directory, name), { recursive: true, force: true })))
    const back = await eventually(() => stores.grants.read(grant.id))
    expect(back).toEqual(grant)
    const acknowledged = answers.filter((answer) => answer === 'appended').length
    expect((await stores.evidence.heads())[7]).toBe(1 + acknowledged)
    await stores.evidence.append([anEvent(7)])
    expect((await stores.evidence.read(7, 0, 100)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: acknowledged + 2 }, (_, index) => index + 1),
    )
  })
})

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let n = 0; n < 6000; n += 1) {
    try {
      return await attempt()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return attempt()
}
