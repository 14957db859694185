/**
 * The one suite for every store. An adapter is right when it passes this; what is written here is what the ports promise.
 *
 * `open` gives an EMPTY store of its own each time, told the time by the clock it is handed (adapters whose verbs all take
 * `now` may ignore it). The suite closes what it opened; clearing up behind it is done in the opener's `close`.
 *
 * Where the ports leave a choice, this is settled for all adapters:
 *
 * - `record` refuses in this order: the credential is there already (`recorded`) · `run_ended` · `claim_taken` ·
 *   `ticket_used` · `grant_ended` (missing, an end, or now >= deadline) · `conflict` (pending, or another version; for
 *   `create`: the id exists) · opening: `conflict` (runVersion), `over_tasks`; renewing: `task_ended` (missing, not open, or
 *   of another grant) · `parent_ended` (an ancestor is missing, ended, or expiresAt <= now) · `over_children` ·
 *   `deferral_closed` (missing, redeemed, cancelled, or of another grant).
 * - `request` refuses in this order: `run_ended` (sealed to a run) · `claim_taken` · `equal_pending` (while that grant is
 *   still pending) · `cooling_down` (now < until) · `too_many_pending`. Only a pending record can meet the last three.
 * - `join`: `claim_taken` before `closed`.
 * - The version of a run changes exactly when a grant sealed to it becomes active (request, revise or record), and when a
 *   task of it opens or ends. How much it grows by is not promised.
 * - `Found.grants` and `Found.tasks` come in no promised order.
 * - Claims are one name space for each shard, whichever verb takes them. A claim whose `until` has passed may be forgotten a
 *   while later.
 * - A cancelled code stays cancelled: cancelling again answers `cancelled` and appends nothing; a redeemed one is `unknown`.
 *   `others` counts codes that are neither redeemed nor cancelled.
 * - The first poll of a code is never too fast. A poll that is too fast is noted too. The deferral of an `open` answer has the
 *   interval now in force. A code whose grant was forgotten is `unknown`.
 * - `look` is undefined when the credential, its grant or its task is gone.
 * - An entry is due when its time <= now; entries of the same time are handed out in the order of their ids.
 * - `end` checks: `unknown` · `already` · `not_lapsed` (leaseUntil > onlyIfLapsed) · `conflict`. It appends its own events,
 *   then those of the grant's revision.
 * - `expire` answers in the order in which it was asked; the same grant twice counts once. The version of a run stays.
 * - A grant that is forgotten is read, listed and found no more, and its codes and credentials are unknown. The records of
 *   its tasks go then or later.
 * - All events of a step belong to its shard, those of the key ring to shard 0.
 * - Something that ends is told in the feed of ends when a certificate was ever recorded below it, expired or not. Of what ends in
 *   one step, the widest is told.
 * - `list` filters by status, by anchor (the `anchorKey` of the request, `where.anchor` of a created grant), or both.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Fault } from '../../src/runtime/fault.js'
import type { Stores } from '../../src/grants/stores.js'
import { turnableClock } from '../support/clock.js'
import { anEvent, Workshop } from '../support/store-records.js'
import type { Context, OpenStores } from './ports/context.js'
import { describeCertificates } from './ports/certificates.js'
import { describeDeadlines } from './ports/deadlines.js'
import { describeDeferrals } from './ports/deferrals.js'
import { describeEvidence } from './ports/evidence.js'
import { describeGrants } from './ports/grants.js'
import { describeIssuance } from './ports/issuance.js'
import { describeKeys } from './ports/keys.js'
import { describeTasks } from './ports/tasks.js'

export type { OpenStores } from './ports/context.js'

export function describeStores(name: string, open: OpenStores): void {
  describe(name, () => {
    const clock = turnableClock()
    const opened: Stores[] = []
    const openAnother = async () => {
      const stores = await open(clock)
      opened.push(stores)
      return stores
    }
    let shared: Stores
    beforeAll(async () => {
      shared = await openAnother()
    })
    afterAll(async () => {
      for (const stores of opened) await stores.close()
    })
    const context: Context = { stores: () => shared, clock, openAnother }

    describeEvidence(context)
    describeKeys(context)
    describeGrants(context)
    describeDeferrals(context)
    describeIssuance(context)
    describeTasks(context)
    describeDeadlines(context)
    describeCertificates(context)

    test('it is ready, and says how far its clock is from ours', async () => {
      expect(await shared.ready()).toEqual({ clockSkewSeconds: expect.any(Number) })
    })

    test('closed, every verb says that the store is unavailable', async () => {
      const stores = await open(clock)
      await stores.close()
      const shop = new Workshop()
      const verbs = [
        stores.ready(),
        stores.grants.find(shop.where),
        stores.grants.request(shop.request(shop.grant())),
        stores.evidence.append([anEvent(1)]),
        stores.evidence.heads(),
        stores.keys.load(),
        stores.certificates.endsAfter([], 1),
        stores.certificates.forgetEnds(1, 1),
      ]
      for (const answer of await Promise.allSettled(verbs)) {
        expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(Fault) })
        expect(answer).toMatchObject({ reason: { code: 'store_unavailable' } })
      }
    })
  })
}
