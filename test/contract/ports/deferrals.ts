import { describe, expect, test } from '@jest/globals'
import type { GrantStatus } from '../../../src/grants/grant.js'
import type { DeferralRecord } from '../../../src/grants/grant-store.js'
import { aClaim, uniqueKey, Workshop } from '../../support/store-records.js'
import { type Context, count, expectNothingChanged, FIFTY, lines, NOW, runVersion, withPending } from './context.js'

const MS = NOW * 1000

export function describeDeferrals(context: Context): void {
  const { stores } = context

  const withDeferral = async (changes: Partial<DeferralRecord> = {}) => {
    const shop = new Workshop()
    const grant = shop.grant({ status: 'pending' })
    const deferral = shop.deferral(grant, changes)
    await stores().grants.request(shop.request(grant, { deferral }))
    return { shop, grant, deferral }
  }
  const poll = (shop: Workshop, { hash, holder }: DeferralRecord, nowMs = MS) =>
    stores().deferrals.poll(shop.shard, hash, holder, nowMs)

  describe('joining a pending grant', () => {
    test('adds a code, takes the claims and appends the events', async () => {
      const { shop, grant } = await withPending(stores())
      const [deferral, claim] = [shop.deferral(grant), aClaim()]
      const before = await lines(stores(), shop)
      expect(await stores().deferrals.join(deferral, [claim], [shop.event('grant.joined')], 9)).toBe('joined')
      expect(await poll(shop, deferral)).toEqual({ kind: 'open', deferral, grant })
      expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('taken')
      expect((await lines(stores(), shop)).length).toBe(before.length + 1)
    })

    test.each<GrantStatus>(['active', 'denied', 'withdrawn', 'expired'])('is closed once it is %s', async (status) => {
      const { shop, grant } = await withPending(stores())
      await stores().grants.revise(shop.revision(grant, { status }))
      const [deferral, claim] = [shop.deferral(grant), aClaim()]
      const join = () => stores().deferrals.join(deferral, [claim], [shop.event()], 9)
      expect(await expectNothingChanged(stores(), shop, {}, join)).toBe('closed')
      expect(await stores().issuance.claim(shop.shard, claim, NOW)).toBe('claimed')
      expect(await poll(shop, deferral)).toEqual({ kind: 'unknown' })
    })

    test('is closed for a grant that is not there', async () => {
      const shop = new Workshop()
      expect(await stores().deferrals.join(shop.deferral(shop.grant()), [], [], 9)).toBe('closed')
    })

    test('as many codes as it may have are open: the next one changes nothing, until one is given back', async () => {
      const { shop, grant, deferral: first } = await withDeferral()
      const [second, third, claim] = [shop.deferral(grant), shop.deferral(grant), aClaim()]
      expect(await stores().deferrals.join(second, [], [], 2)).toBe('joined')
      const join = () => stores().deferrals.join(third, [claim], [shop.event()], 2)
      expect(await expectNothingChanged(stores(), shop, {}, join)).toBe('full')
      expect(await poll(shop, third)).toEqual({ kind: 'unknown' })
      await stores().deferrals.cancel(shop.shard, first.hash, first.holder, [])
      expect(await join()).toBe('joined')
    })

    test('of fifty that join at once no more get in than may', async () => {
      const { shop, grant } = await withPending(stores())
      const answers = await Promise.all(FIFTY.map(() => stores().deferrals.join(shop.deferral(grant), [], [], 7)))
      expect(count(answers, 'joined')).toBe(7)
      expect(count(answers, 'full')).toBe(43)
    })

    test('a claim that was taken is told first, and nothing changes', async () => {
      const { shop, grant } = await withPending(stores())
      const [taken, free] = [aClaim(), aClaim()]
      await stores().issuance.claim(shop.shard, taken, NOW)
      const deferral = shop.deferral(grant)
      const join = () => stores().deferrals.join(deferral, [free, taken], [shop.event()], 9)
      expect(await expectNothingChanged(stores(), shop, {}, join)).toBe('claim_taken')
      expect(await poll(shop, deferral)).toEqual({ kind: 'unknown' })
      await stores().grants.revise(shop.revision(grant, { status: 'active' }))
      expect(await join()).toBe('claim_taken')
      expect(await stores().issuance.claim(shop.shard, free, NOW)).toBe('claimed')
    })
  })

  describe('polling a code', () => {
    test('shows its holder the request and the grant as they are', async () => {
      const { shop, grant, deferral } = await withDeferral({ request: '{"Grüße":"🚀"}' })
      expect(await poll(shop, deferral)).toEqual({ kind: 'open', deferral, grant })
      await stores().grants.revise(shop.revision(grant, { status: 'denied', document: '{"no":true}' }))
      const denied = { ...grant, version: 2, status: 'denied', document: '{"no":true}' }
      expect(await poll(shop, deferral, MS + 60_000)).toEqual({ kind: 'open', deferral, grant: denied })
    })

    test('a code nobody has, another holder and another shard are all unknown', async () => {
      const { shop, deferral } = await withDeferral()
      expect(await poll(shop, { ...deferral, hash: uniqueKey() })).toEqual({ kind: 'unknown' })
      expect(await poll(shop, { ...deferral, holder: uniqueKey() })).toEqual({ kind: 'unknown' })
      const elsewhere = stores().deferrals.poll((shop.shard + 1) % 64, deferral.hash, deferral.holder, MS)
      expect(await elsewhere).toEqual({ kind: 'unknown' })
    })

    test('RFC 8628 §3.5: too fast before the interval has passed, which then grows by 5 s', async () => {
      const { shop, grant, deferral } = await withDeferral({ interval: 5 })
      const kindAt = async (ms: number) => (await poll(shop, deferral, MS + ms)).kind
      expect(await kindAt(0)).toBe('open')
      expect(await kindAt(4_999)).toBe('too_fast')
      // Ten seconds from the poll that was too fast.
      expect(await kindAt(14_998)).toBe('too_fast')
      expect(await poll(shop, deferral, MS + 14_998 + 15_000)).toEqual({
        kind: 'open',
        deferral: { ...deferral, interval: 15 },
        grant,
      })
      expect(await kindAt(14_998 + 30_000)).toBe('open')
    })

    test('another holder’s look is not a poll', async () => {
      const { shop, deferral } = await withDeferral()
      expect((await poll(shop, deferral)).kind).toBe('open')
      await poll(shop, { ...deferral, holder: uniqueKey() }, MS + 4_000)
      expect((await poll(shop, deferral, MS + 5_000)).kind).toBe('open')
    })

    test('a redeemed code says so, to its holder only', async () => {
      const { shop, grant, deferral } = await withDeferral()
      await stores().grants.revise(shop.revision(grant, { status: 'active' }))
      const active = { ...grant, version: 2 }
      const version = await runVersion(stores(), shop)
      const issuance = shop.opening(active, shop.task(active), version, { deferral: deferral.hash })
      expect(await stores().issuance.record(issuance)).toBe('recorded')
      expect(await poll(shop, deferral)).toEqual({ kind: 'redeemed' })
      expect(await poll(shop, { ...deferral, holder: uniqueKey() })).toEqual({ kind: 'unknown' })
    })
  })

  describe('cancelling a code', () => {
    const cancel = (shop: Workshop, { hash, holder }: DeferralRecord) =>
      stores().deferrals.cancel(shop.shard, hash, holder, [shop.event('deferral.cancelled')])

    test('it is never redeemed; the others of its grant are counted', async () => {
      const { shop, grant, deferral } = await withDeferral()
      const [second, third] = [shop.deferral(grant), shop.deferral(grant)]
      await stores().deferrals.join(second, [], [], 9)
      await stores().deferrals.join(third, [], [], 9)
      expect(await cancel(shop, deferral)).toEqual({ kind: 'cancelled', grant, others: 2 })
      expect(await poll(shop, deferral)).toEqual({ kind: 'cancelled' })
      expect(await cancel(shop, third)).toEqual({ kind: 'cancelled', grant, others: 1 })
      expect(await cancel(shop, second)).toEqual({ kind: 'cancelled', grant, others: 0 })
    })

    test('again it says the same and appends nothing', async () => {
      const { shop, grant, deferral } = await withDeferral()
      const before = await lines(stores(), shop)
      await cancel(shop, deferral)
      expect((await lines(stores(), shop)).length).toBe(before.length + 1)
      expect(await expectNothingChanged(stores(), shop, {}, () => cancel(shop, deferral))).toEqual({
        kind: 'cancelled',
        grant,
        others: 0,
      })
    })

    test('unknown to anyone but its holder, and once it was redeemed', async () => {
      const { shop, grant, deferral } = await withDeferral()
      const stranger = { ...deferral, holder: uniqueKey() }
      expect(await expectNothingChanged(stores(), shop, {}, () => cancel(shop, stranger))).toEqual({ kind: 'unknown' })
      expect(await cancel(shop, { ...deferral, hash: uniqueKey() })).toEqual({ kind: 'unknown' })
      await stores().grants.revise(shop.revision(grant, { status: 'active' }))
      const active = { ...grant, version: 2 }
      const version = await runVersion(stores(), shop)
      await stores().issuance.record(shop.opening(active, shop.task(active), version, { deferral: deferral.hash }))
      expect(await expectNothingChanged(stores(), shop, {}, () => cancel(shop, deferral))).toEqual({ kind: 'unknown' })
    })

    test('its grant is told to its holder, whatever has become of it, and to nobody else', async () => {
      const { shop, grant, deferral } = await withDeferral()
      const { hash, holder } = deferral
      const grantOf = (asked: DeferralRecord) => stores().deferrals.grantOf(shop.shard, asked.hash, asked.holder)
      expect(await expectNothingChanged(stores(), shop, {}, () => grantOf(deferral))).toBe(grant.id)
      expect(await grantOf({ ...deferral, holder: uniqueKey() })).toBeUndefined()
      expect(await grantOf({ ...deferral, hash: uniqueKey() })).toBeUndefined()
      await stores().deferrals.cancel(shop.shard, hash, holder, [])
      expect(await grantOf(deferral)).toBe(grant.id)
    })

    test('of fifty at once, one appends', async () => {
      const { shop, deferral } = await withDeferral()
      const before = await lines(stores(), shop)
      const answers = await Promise.all(FIFTY.map(() => cancel(shop, deferral)))
      expect(
        count(
          answers.map(({ kind }) => kind),
          'cancelled',
        ),
      ).toBe(50)
      expect((await lines(stores(), shop)).length).toBe(before.length + 1)
    })
  })
}
