import { DEADLINE } from '../grants/end-grant.js'
import type { Due } from '../grants/deadline-store.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import { KEEP_ENDED } from '../grants/lifecycle.js'
import type { Stores } from '../grants/stores.js'
import { SHARDS, shardOf, type CredentialId, type Shard, type TaskId } from '../runtime/ids.js'
import type { Log } from '../runtime/log.js'
import { endTask } from './end-task.js'

/**
 * Ends what nobody ended: grants whose time has passed, tasks whose lease has lapsed, credentials that were recorded and
 * never sent. Each instance sweeps; a deadline is leased to one of them for a while and handed out again if that one
 * dies, so a kill at any point loses nothing. Batches are bounded, and between them the exchange path has its turn.
 */
export interface Sweeper {
  start(): void
  /** Finishes the batch in hand. */
  stop(): Promise<void>
  /** Sweeps everything that is due now; how many deadlines were dealt with. */
  sweep(): Promise<number>
}

export interface SweeperDeps extends GrantDeps {
  readonly deadlines: Stores['deadlines']
  readonly log: Log
  readonly metrics: { swept(kind: Due['kind'], count: number): void }
}

const BATCH = 100
/** While the store works on one, we work on another. */
const SHARDS_AT_ONCE = 4
/** Seconds: how long a taken deadline is this instance's alone. */
const LEASE = 30
const PAUSE_MS = 1000

export function createSweeper(deps: SweeperDeps): Sweeper {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let running: Promise<number> = Promise.resolve(0)

  async function sweep(): Promise<number> {
    const counts: number[] = []
    let next = 0
    const sweepInTurn = async (): Promise<void> => {
      while (next < SHARDS && !stopped) counts.push(await sweepShard(deps, next++, () => stopped))
    }
    // All of them have finished, whichever failed: whoever stops the sweeper closes the store next.
    const turns = await Promise.allSettled(Array.from({ length: SHARDS_AT_ONCE }, sweepInTurn))
    const failed = turns.find((turn) => turn.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return counts.reduce((sum, count) => sum + count, 0)
  }

  const tick = (): void => {
    running = sweep().catch((error: unknown) => {
      deps.log.warn('sweep_failed', { error })
      return 0
    })
    void running.then(() => {
      if (stopped) return
      timer = setTimeout(tick, PAUSE_MS)
      timer.unref()
    })
  }

  return {
    start: tick,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
    sweep,
  }
}

async function sweepShard(deps: SweeperDeps, shard: Shard, stopped: () => boolean): Promise<number> {
  let count = 0
  for (;;) {
    const due = await deps.deadlines.takeDue(shard, deps.clock.now(), LEASE, BATCH)
    await Promise.all([sweepGrants(deps, shard, due.filter(isGrant)), sweepOthers(deps, shard, due.filter(isOther))])
    count += due.length
    if (due.length < BATCH || stopped()) return count
  }
}

type GrantDue = Extract<Due, { kind: 'grant' }>
type OtherDue = Exclude<Due, GrantDue>

const isGrant = (due: Due): due is GrantDue => due.kind === 'grant'
const isOther = (due: Due): due is OtherDue => due.kind !== 'grant'

/** By its record each of them has expired, or ended long ago and is forgotten, or is not due after all. */
async function sweepGrants(deps: SweeperDeps, shard: Shard, due: readonly GrantDue[]): Promise<void> {
  if (due.length === 0) return
  const { grants } = deps.stores
  const now = deps.clock.now()
  const expiries = due.map(({ id }) => ({
    id,
    events: [deps.describe(shard, 'grant.expired', now, { grantId: id })],
  }))
  try {
    const expired = new Set(await grants.expire(shard, expiries, now, now + KEEP_ENDED))
    await Promise.all(due.filter(({ id }) => !expired.has(id)).map(({ id }) => grants.forget(id, now)))
    deps.metrics.swept('grant', due.length)
  } catch (error) {
    deps.log.warn('deadline_not_swept', { reason: 'grant', detail: `${String(due.length)} of a shard`, error })
  }
}

async function sweepOthers(deps: SweeperDeps, shard: Shard, due: readonly OtherDue[]): Promise<void> {
  const outcomes = await Promise.all(due.map((entry) => settle(deps, entry)))
  const idle = due.filter((_, index) => outcomes[index] === 'nothing')
  if (idle.length > 0) await deps.deadlines.drop(shard, idle)
}

/** `nothing`: there is no record that would need this deadline any more. A failure is left to the next sweep, when the lease has run out. */
async function settle(deps: SweeperDeps, due: OtherDue): Promise<'done' | 'nothing' | 'failed'> {
  try {
    const outcome = due.kind === 'task' ? await sweepTask(deps, due.id) : await sweepCredential(deps, due.id)
    if (outcome === 'done') deps.metrics.swept(due.kind, 1)
    return outcome
  } catch (error) {
    deps.log.warn('deadline_not_swept', { reason: due.kind, detail: due.id, error })
    return 'failed'
  }
}

async function sweepTask(deps: SweeperDeps, id: TaskId): Promise<'done' | 'nothing'> {
  const ended = await endTask(deps, id, { state: 'abandoned', ...DEADLINE })
  return ended === 'unknown' || ended === 'already' ? 'nothing' : 'done'
}

async function sweepCredential(deps: SweeperDeps, id: CredentialId): Promise<'done' | 'nothing'> {
  const now = deps.clock.now()
  const event = deps.describe(shardOf(id), 'credential.voided', now, { credentialId: id }, { reason: 'never_sent' })
  const ended = await deps.stores.issuance.endCredential(id, 'voided', now, [event])
  return ended === 'ended' ? 'done' : 'nothing'
}
