import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EvidenceStore } from '../../../src/evidence/evidence-store.js'
import type { EventFilter } from '../../../src/evidence/event.js'
import { readEvents, type Position } from '../../../src/evidence/read-events.js'
import { readLatest } from '../../../src/evidence/read-latest.js'
import { randomIds, type Shard } from '../../../src/runtime/ids.js'
import { NOW } from '../grants/fixtures.js'
import { aLog } from './a-log.js'

const place = ({ shard, seq }: { readonly shard: Shard; readonly seq: number }) => `${shard}.${seq}`

/** Page by page from the end, put together: oldest first. */
async function allBackwards(store: EvidenceStore, filter: EventFilter, count: number): Promise<readonly string[]> {
  let seen: readonly string[] = []
  let before: Position | undefined
  for (;;) {
    const page = await readLatest(store, filter, count, before)
    expect(page.events.length).toBeLessThanOrEqual(count)
    seen = [...page.events.map(place), ...seen]
    if (page.complete) return seen
    expect(page.before).not.toEqual(before ?? page.position)
    before = page.before
  }
}

describe('GET /evidence/events?order=latest: the latest events', () => {
  test('of all shards together, oldest first', async () => {
    const { store, add } = aLog()
    for (let at = 0; at < 20; at++) await add((at * 7) % 3, 'task.opened', NOW + at)
    const { events, complete } = await readLatest(store, {}, 5)
    expect(events.map(({ at }) => Date.parse(at) / 1000 - NOW)).toEqual([15, 16, 17, 18, 19])
    expect(complete).toBe(false)
  })

  test('what comes later is read on from there', async () => {
    const { store, add } = aLog()
    for (let at = 0; at < 9; at++) await add(at, 'task.opened', NOW + at)
    const { position } = await readLatest(store, {}, 2)
    await add(0, 'task.opened', NOW + 10)
    expect((await readEvents(store, {}, position, 10)).events.map(place)).toEqual(['0.2'])
  })

  test('property: what is older is read on from before; together every event once, in the order of time', async () => {
    const logs = fc.array(fc.record({ shard: fc.nat(5), gap: fc.nat(2), isOpened: fc.boolean() }), { maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(logs, fc.integer({ min: 1, max: 20 }), fc.boolean(), async (entries, count, filtered) => {
        const { store, add } = aLog()
        let now = NOW
        for (const { shard, gap, isOpened } of entries)
          await add(shard, isOpened ? 'task.opened' : 'grant.requested', (now += gap))
        const filter: EventFilter = filtered ? { stream: 'issuance', since: NOW + 10 } : {}
        const everything = await readEvents(store, filter, {}, 1000)
        expect(await allBackwards(store, filter, count)).toEqual(everything.events.map(place))
      }),
    )
  })

  test('property: where clocks are set back, no event is passed over, and every one comes once', async () => {
    const logs = fc.array(fc.record({ shard: fc.nat(2), at: fc.nat(20) }), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(logs, fc.integer({ min: 1, max: 9 }), fc.boolean(), async (entries, count, filtered) => {
        const { store, add } = aLog()
        for (const { shard, at } of entries) await add(shard, 'task.opened', NOW + at)
        const filter: EventFilter = filtered ? { since: NOW + 10 } : {}
        const everything = await readEvents(store, filter, {}, 1000)
        expect([...(await allBackwards(store, filter, count))].sort()).toEqual(everything.events.map(place).sort())
      }),
    )
  })

  test('since: one line with an early time does not hide what stands before it', async () => {
    const { store, add } = aLog()
    await add(9, 'task.opened', NOW)
    await add(9, 'task.opened', NOW - 3600)
    // The first round ends with the early line.
    for (let at = 1; at < 3200; at++) await add(9, 'task.opened', NOW + 1)
    const { events, complete } = await readLatest(store, { since: NOW }, 5000)
    expect(events.map(place)).toContain('9.1')
    expect({ found: events.length, complete }).toEqual({ found: 3200, complete: true })
  })

  test('since: a line that is more than an hour earlier ends the walk', async () => {
    const { store, add } = aLog()
    for (let at = 0; at < 30_000; at++) await add(9, 'task.opened', NOW - 3601)
    await add(9, 'task.opened', NOW)
    const { events, complete } = await readLatest(store, { since: NOW }, 10)
    expect(events.map(place)).toEqual(['9.30001'])
    expect(complete).toBe(true)
  })

  test('stops walking back once older lines cannot be among them', async () => {
    const { store, add } = aLog()
    for (let at = 0; at < 5000; at++) await add(9, 'task.opened', NOW + at)
    for (let at = 0; at < 5000; at++) await add(8, 'task.opened', NOW + 5000 + at)
    let lines = 0
    const watched: EvidenceStore = {
      ...store,
      read: (shard, after, limit) => ((lines += limit), store.read(shard, after, limit)),
    }
    expect((await readLatest(watched, {}, 10)).events).toHaveLength(10)
    expect(lines).toBeLessThanOrEqual(3200)
  })

  test('looks at 20,000 lines at the most for one page, and goes on from there', async () => {
    const { store, add } = aLog()
    const grantId = randomIds.grantId(9)
    await add(9, 'grant.requested', NOW, { grantId })
    for (let at = 0; at < 25_000; at++) await add(9, 'task.opened', NOW + 1)
    const first = await readLatest(store, { grantId }, 10)
    expect(first).toMatchObject({ events: [], complete: false })
    expect((await readLatest(store, { grantId }, 10, first.before)).events.map(place)).toEqual(['9.1'])
  })

  test('an id leads to its one shard: no other is read', async () => {
    const { store, add } = aLog()
    for (const shard of [8, 9]) await add(shard, 'grant.requested', NOW)
    const asked: Shard[] = []
    const watched: EvidenceStore = {
      ...store,
      read: (shard, after, limit) => (asked.push(shard), store.read(shard, after, limit)),
    }
    await readLatest(watched, { grantId: randomIds.grantId(9) }, 10)
    expect(asked).toEqual([9])
  })
})
