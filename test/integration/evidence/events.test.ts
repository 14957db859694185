import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exchangeForm, startBroker, type TestBroker } from '../../support/broker.js'
import { STORES } from '../exchange/stores.js'

interface Event {
  readonly id: string
  readonly at: string
}

describe.each(STORES)('GET /evidence/events, on $name', (storeCase) => {
  let broker: TestBroker
  let closeStore: () => Promise<void>
  let everything: readonly Event[]

  const read = async (query: string) => {
    const auditor = await broker.person('eve', { groups: ['audit'] })
    const { status, body } = await broker.call('GET', `/evidence/events?${query}`, auditor)
    expect(status).toBe(200)
    return body as unknown as {
      readonly events: readonly Event[]
      readonly next_cursor: string
      readonly newer_cursor?: string
      readonly complete: boolean
    }
  }
  const ids = (events: readonly Event[]) => events.map(({ id }) => id)
  const exchange = async (run: string) => {
    expect(await broker.post('/token', exchangeForm(await broker.assertion({ run_id: run })))).toMatchObject({
      status: 200,
    })
  }

  beforeAll(async () => {
    const { store, close } = await storeCase.open()
    closeStore = close
    broker = await startBroker(store === undefined ? {} : { store })
    for (let run = 0; run < 12; run++) await exchange(`run-${run}`)
    everything = (await read('limit=1000')).events
    expect(everything.length).toBeGreaterThanOrEqual(36)
  })
  afterAll(async () => {
    await broker.stop()
    await closeStore()
  })

  test('order=latest: the last of all, oldest first', async () => {
    const { events, complete } = await read('order=latest&limit=5')
    expect(ids(events)).toEqual(ids(everything.slice(-5)))
    expect(complete).toBe(false)
  })

  test('next_cursor leads back to the first of all, each once', async () => {
    let page = await read('order=latest&limit=7')
    let seen = ids(page.events)
    while (!page.complete) {
      page = await read(`order=latest&limit=7&cursor=${page.next_cursor}`)
      seen = [...ids(page.events), ...seen]
    }
    expect(seen).toEqual(ids(everything))
  })

  test('newer_cursor leads on to what comes later', async () => {
    const { newer_cursor: newer } = await read('order=latest&limit=1')
    expect((await read(`cursor=${newer ?? ''}`)).events).toEqual([])
    await exchange('run-later')
    const later = (await read(`cursor=${newer ?? ''}`)).events
    expect(later.length).toBeGreaterThanOrEqual(3)
    expect(ids(later).filter((id) => ids(everything).includes(id))).toEqual([])
  })

  test('order=oldest is the default, and has no newer_cursor', async () => {
    expect(await read('limit=3')).toEqual(await read('limit=3&order=oldest'))
    expect(await read('limit=3')).not.toHaveProperty('newer_cursor')
  })
})
