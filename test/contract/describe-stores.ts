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
 * - The version of a run changes exactly when a grant sealed to it becomes active (request, revise or record), and when a task of it opens or
 *   ends. A step that does both changes it at least once; how much it grows by is not promised.
 * - `Found.grants` and `Found.tasks` come in no promised order.
 * - Claims of `record`, `request` and `join` are looked for in the shard; whether `claim` shares a name space with them
 *   is not promised here.
 * - A cancelled code stays cancelled: cancelling again answers `cancelled` and appends nothing; a redeemed one is `unknown`.
 *   `others` counts codes that are neither redeemed nor cancelled.
 * - The first poll of a code is never too fast. A poll that is too fast is noted too. The deferral of an `open` answer has the
 *   interval now in force. A code whose grant was forgotten is `unknown`.
 * - `look` is undefined when the credential, its grant or its task is gone.
 * - An entry is due when its time <= now; entries of the same time are handed out in the order of their ids.
 * - `end` checks: `unknown` · `already` · `not_lapsed` (leaseUntil > onlyIfLapsed) · `conflict`. It appends its own events,
 *   then those of the grant's revision.
 * - `list` filters by status, by anchor (the `anchorKey` of the request, `where.anchor` of a created grant), or both.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Stores } from '../../src/grants/stores.js'
import type { Clock } from '../../src/runtime/clock.js'
import { turnableClock } from '../support/clock.js'
import { anEvent, Workshop } from '../support/store-records.js'

export type OpenStores = (clock: Clock) => Promise<Stores>

export function describeStores(name: string, open: OpenStores): void {
  describe(name, () => {
    const clock = turnableClock()
    let stores: Stores
    beforeAll(async () => {
      stores = await open(clock)
    })
    afterAll(async () => {
      await stores.close()
    })

    test('it is ready and its clock is ours', async () => {
      expect(await stores.ready()).toEqual({ clockSkewSeconds: expect.any(Number) })
    })

    test('evidence: lines of a shard are numbered from 1 without a gap', async () => {
      await stores.evidence.append([anEvent(3), anEvent(3)])
      await stores.evidence.append([anEvent(3)])
      const lines = await stores.evidence.read(3, 0, 10)
      expect(lines.map(({ seq }) => seq)).toEqual([1, 2, 3])
    })

    test('a credential that was recorded is live', async () => {
      const shop = new Workshop()
      const grant = shop.grant()
      const task = shop.task(grant)
      const { runVersion } = await stores.grants.find(shop.where)
      const issuance = shop.creating(grant, task, runVersion)
      expect(await stores.issuance.record(issuance)).toBe('recorded')
      expect(await stores.issuance.look(issuance.credential.id, clock.now())).toEqual({
        credential: issuance.credential,
        live: true,
        grant: { ...grant, tasks: 1 },
        task,
      })
    })
  })
}
