import { describe, expect, test } from '@jest/globals'
import type { EventFilter } from '../../../src/evidence/event.js'
import type { EvidenceStore } from '../../../src/evidence/evidence-store.js'
import { readEvents, type Position } from '../../../src/evidence/read-events.js'
import { randomIds, type Shard } from '../../../src/runtime/ids.js'
import { NOW } from '../grants/fixtures.js'
import { aLog } from './a-log.js'

const all = async (store: EvidenceStore, filter: EventFilter = {}, limit = 3) => {
  const seen: string[] = []
  let position: Position = {}
  for (;;) {
    const page = await readEvents(store, filter, position, limit)
    expect(page.events.length).toBeLessThanOrEqual(limit)
    seen.push(...page.events.map(({ shard, seq }) => `${shard}.${seq}`))
    position = page.position
    if (page.complete) return { seen, position }
  }
}

describe('GET /evidence/events: every event once, page by page', () => {
  test('over all shards, and what comes later is read on from there', async () => {
    const { store, add } = aLog()
    for (let at = 0; at < 20; at++) await add(at % 3, 'task.opened', NOW + at)
    const { seen, position } = await all(store)
    expect(new Set(seen).size).toBe(20)
    await add(63, 'task.opened', NOW)
    expect((await readEvents(store, {}, position, 10)).events.map(({ shard }) => shard)).toEqual([63])
  })

  test('a page is in the order of time, then of its shard', async () => {
    const { store, add } = aLog()
    await add(5, 'task.opened', NOW + 2)
    await add(4, 'task.opened', NOW + 1)
    await add(4, 'task.opened', NOW + 3)
    const page = await readEvents(store, {}, {}, 10)
    expect(page.events.map(({ shard, seq }) => [shard, seq])).toEqual([
      [4, 1],
      [5, 1],
      [4, 2],
    ])
  })

  test('by stream, grant, task, workload, person, and time', async () => {
    const { store, add } = aLog()
    const [grantId, taskId] = [randomIds.grantId(9), randomIds.taskId(9)]
    await add(9, 'grant.requested', NOW, { grantId, workload: 'spiffe://w' })
    await add(9, 'review.recorded', NOW + 1, { grantId, person: 'corp:ann' })
    await add(9, 'task.opened', NOW + 2, { grantId, taskId })
    await add(8, 'task.completed', NOW + 3)
    expect((await all(store, { grantId })).seen).toEqual(['9.1', '9.2', '9.3'])
    expect((await all(store, { taskId })).seen).toEqual(['9.3'])
    expect((await all(store, { workload: 'spiffe://w' })).seen).toEqual(['9.1'])
    expect((await all(store, { person: 'corp:ann' })).seen).toEqual(['9.2'])
    expect((await all(store, { stream: 'revocation' })).seen).toEqual(['8.1'])
    expect((await all(store, { since: NOW + 2 })).seen).toEqual(['9.3', '8.1'])
    expect((await all(store, { grantId, stream: 'approval', since: NOW + 1 })).seen).toEqual(['9.2'])
  })

  test('an id leads to its one shard: no other is read', async () => {
    const { store, add } = aLog()
    await add(9, 'grant.requested', NOW, {})
    const asked: Shard[] = []
    const watched: EvidenceStore = {
      ...store,
      read: (shard, after, limit) => (asked.push(shard), store.read(shard, after, limit)),
    }
    await readEvents(watched, { grantId: randomIds.grantId(9) }, {}, 10)
    expect(asked).toEqual([9])
  })
})
