import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { MOST_ERRANDS } from '../../../src/exchange/exchange-assertion.js'
import { credentialOf, exchangeForm, openStage, type Stage } from '../exchange/stage.js'

describe('invariant 14: a run that opens errand after errand by a rule', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ name: 'embedded', open: () => Promise.resolve({ close: () => Promise.resolve() }) })
  })
  afterAll(() => stage.stop())

  test('has so many open at once, each of which costs every look at the run; one that ends makes room', async () => {
    const run = stage.newRun()
    const open = async (task: string, claims = {}) =>
      stage.token(exchangeForm(await run.assertion(claims), { task, scope: 'deploy:staging' }))
    const first = credentialOf(await open('t0'))
    for (let at = 1; at < MOST_ERRANDS; at += 1) expect((await open(`t${at}`)).status).toBe(200)

    const refused = await open('one-more')
    expect(refused).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect((await open('t1')).status).toBe(200)
    expect((await open('t0', { run_id: 'another' })).status).toBe(200)

    await stage.broker.call('POST', `/tasks/${first.taskId}/complete`, await run.assertion())
    expect((await open('one-more')).status).toBe(200)
  })
})
