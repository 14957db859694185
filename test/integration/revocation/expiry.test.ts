import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { formatTime } from '../../../src/runtime/clock.js'
import { errorOf, openStage, type Stage } from '../exchange/stage.js'
import { STORES } from '../exchange/stores.js'

const HOUR = 3600

describe.each(STORES)('invariant 12: a grant has expired when its time has passed, on $name', (store) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage(store)
  })
  afterAll(() => stage.stop())

  const operator = () => stage.person('olga', ['operators'])
  const read = async (id: string) => (await stage.broker.call('GET', `/grants/${id}`, await stage.person('ann'))).body
  const end = async (id: string, person: string) => stage.broker.call('POST', `/grants/${id}/revoke`, person, {})
  const typesOf = async (id: string) => (await stage.events(`grant_id=${id}`)).map(({ type }) => type)

  describe.each([false, true])('swept: %s', (swept) => {
    const later = async (seconds: number) => {
      await stage.later(seconds)
      if (swept) await stage.sweep()
    }

    test('an active one is shown with its end, at expires_at, by nobody; and it is final', async () => {
      const id = await stage.window({ duration_seconds: HOUR })
      const at = formatTime(stage.clock.now() + HOUR)
      expect(await read(id)).toMatchObject({ status: 'active', expires_at: at })
      await later(HOUR)
      expect(await read(id)).toMatchObject({
        status: 'expired',
        expires_at: at,
        ended: { reason: 'expired', at, by: 'errand' },
      })
      const again = await end(id, await operator())
      expect([again.status, again.body['type']]).toEqual([409, 'urn:errand:problem:has_ended'])
    })

    test('a pending one is shown with its end, at decide_by; it is not decided, withdrawn or polled any more', async () => {
      const run = stage.newRun()
      const { code, grantId } = await stage.deferred(run)
      const { decide_by } = await read(grantId)
      await later(HOUR)
      expect(await read(grantId)).toMatchObject({
        status: 'expired',
        ended: { reason: 'expired', at: decide_by, by: 'errand' },
      })
      expect((await stage.review(grantId, 'approve')).status).toBe(409)
      expect((await end(grantId, await run.assertion())).status).toBe(409)
      expect(errorOf(await stage.poll(run, code))).toBe('expired_token')
    })

    test('a task that ends afterwards does not complete it', async () => {
      const run = stage.newRun()
      const { grantId, taskId } = await stage.granted(run)
      await later(HOUR)
      await stage.broker.call('POST', `/tasks/${taskId}/complete`, await run.assertion())
      expect(await read(grantId)).toMatchObject({ status: 'expired' })
      await stage.sweep()
      expect((await typesOf(grantId)).filter((type) => type === 'grant.expired').length).toBe(1)
      expect(await typesOf(grantId)).not.toContain('grant.completed')
    })
  })

  test('what the sweep ended stays so for a broker whose clock is behind', async () => {
    const id = await stage.window({ duration_seconds: HOUR })
    const now = stage.clock.now()
    await stage.later(HOUR)
    await stage.sweep()
    stage.clock.set(now + HOUR - 5)
    expect((await end(id, await operator())).status).toBe(409)
    stage.clock.set(now + HOUR)
  })

  test('swept again, and by two at once, it expires once; thirty days later it is forgotten', async () => {
    const id = await stage.window({ duration_seconds: HOUR })
    await stage.later(HOUR)
    await Promise.all([stage.sweep(), stage.sweep()])
    await stage.later(60)
    await stage.sweep()
    expect((await typesOf(id)).filter((type) => type === 'grant.expired').length).toBe(1)
    expect(await read(id)).toMatchObject({ status: 'expired' })
    await stage.later(30 * 24 * HOUR)
    await stage.sweep()
    expect((await stage.broker.call('GET', `/grants/${id}`, await stage.person('ann'))).status).toBe(404)
  })
})
