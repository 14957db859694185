import type { GrantRecord, Whereabouts } from '../../src/grants/grant-store.js'
import type { Stores } from '../../src/grants/stores.js'
import type { EpochSeconds } from '../../src/runtime/clock.js'
import type { CredentialId, TaskId } from '../../src/runtime/ids.js'
import type { Workshop } from './store-records.js'

/** All grants of a filter, page by page. */
export async function listAll(
  { grants }: Stores,
  filter: Parameters<Stores['grants']['list']>[0],
  limit = 7,
): Promise<readonly GrantRecord[]> {
  const records: GrantRecord[] = []
  let cursor: string | undefined
  do {
    const page = await grants.list(filter, cursor, limit)
    records.push(...page.records)
    cursor = page.next
  } while (cursor !== undefined)
  return records
}

export const byId = <T extends { readonly id: string }>(records: readonly T[]): readonly T[] =>
  [...records].sort((a, b) => (a.id < b.id ? -1 : 1))

export interface Seen {
  readonly runs?: readonly Whereabouts[]
  readonly tasks?: readonly TaskId[]
  readonly credentials?: readonly CredentialId[]
  readonly now: EpochSeconds
}

/** All that the ports show of a workload, to compare before and after a step that must change nothing. */
export async function dump(stores: Stores, shop: Workshop, seen: Seen): Promise<unknown> {
  const { runs = [shop.where], tasks = [], credentials = [], now } = seen
  return {
    grants: byId(await listAll(stores, { anchor: { shard: shop.shard, key: shop.anchor } })),
    found: await Promise.all(runs.map((where) => found(stores, where))),
    tasks: await Promise.all(tasks.map((id) => stores.tasks.read(id))),
    credentials: await Promise.all(credentials.map((id) => stores.issuance.look(id, now))),
    evidence: await stores.evidence.read(shop.shard, 0, 1_000_000),
    heads: await stores.evidence.heads(),
    lag: await stores.deadlines.lag(now),
  }
}

/** `find` without an order. */
export async function found({ grants }: Stores, where: Whereabouts) {
  const answer = await grants.find(where)
  return {
    ...answer,
    grants: byId(answer.grants),
    tasks: [...answer.tasks].sort((a, b) => (a.taskId < b.taskId ? -1 : 1)),
  }
}
