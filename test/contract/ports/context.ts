import { expect } from '@jest/globals'
import type { GrantRecord } from '../../../src/grants/grant-store.js'
import type { Issuance } from '../../../src/grants/issuance-store.js'
import type { Stores } from '../../../src/grants/stores.js'
import type { Clock } from '../../../src/runtime/clock.js'
import { type Seen, dump } from '../../support/store-dump.js'
import { type Opened, Workshop } from '../../support/store-records.js'
import { TEST_EPOCH, type TurnableClock } from '../../support/clock.js'

export type OpenStores = (clock: Clock) => Promise<Stores>

export interface Context {
  /** One store for all tests of a port: each test has a workload of its own. */
  stores(): Stores
  readonly clock: TurnableClock
  /** Another, empty one; closed by the suite. For what is told of the whole store. */
  openAnother(): Promise<Stores>
}

export const NOW = TEST_EPOCH

/** A workload with an active grant of one run. */
export async function withGrant(stores: Stores, changes: Partial<GrantRecord> = {}) {
  const shop = new Workshop()
  const grant = shop.grant(changes)
  expect(await stores.grants.request(shop.request(grant))).toEqual({ kind: 'requested' })
  return { shop, grant }
}

export async function withPending(stores: Stores, changes: Partial<GrantRecord> = {}) {
  return withGrant(stores, { status: 'pending', deadline: NOW + 1800, ...changes })
}

/** A workload with a grant of one run, an open task and its first credential. */
export async function withTask(
  stores: Stores,
  changes: { grant?: Partial<GrantRecord>; task?: Partial<Opened['task']>; issuance?: Partial<Issuance> } = {},
): Promise<Opened & { readonly shop: Workshop; readonly issuance: Issuance }> {
  const shop = new Workshop()
  const grant = shop.grant(changes.grant)
  const task = shop.task(grant, shop.where, changes.task)
  const issuance = shop.creating(grant, task, await runVersion(stores, shop), changes.issuance)
  expect(await stores.issuance.record(issuance)).toBe('recorded')
  return { shop, grant, task, credential: issuance.credential, issuance }
}

export const runVersion = async ({ grants }: Stores, shop: Workshop, where = shop.where): Promise<number> =>
  (await grants.find(where)).runVersion

/** Runs a step that must be refused, and sees that nothing has changed. */
export async function expectNothingChanged<T>(
  stores: Stores,
  shop: Workshop,
  seen: Partial<Seen>,
  step: () => Promise<T>,
): Promise<T> {
  const before = await dump(stores, shop, { now: NOW, ...seen })
  const answer = await step()
  expect(await dump(stores, shop, { now: NOW, ...seen })).toEqual(before)
  return answer
}

export const lines = async ({ evidence }: Stores, shop: Workshop): Promise<readonly string[]> =>
  (await evidence.read(shop.shard, 0, 1_000_000)).map(({ line }) => line)

/** How many of the answers are this one. */
export const count = <T>(answers: readonly T[], wanted: T): number =>
  answers.filter((answer) => answer === wanted).length

export const FIFTY = Array.from({ length: 50 }, (_, index) => index)
