import { DEADLINE, expireGrant } from '../grants/end-grant.js'
import type { Due } from '../grants/deadline-store.js'
import type { GrantDeps } from '../grants/grant-deps.js'
import { isEnded } from '../grants/lifecycle.js'
import type { Stores } from '../grants/stores.js'
import { SHARDS, shardOf, type CredentialId, type GrantId, type Shard, type TaskId } from '../runtime/ids.js'
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
/** Seconds: how long a taken deadline is this instance's alone. */
const LEASE = 30
const PAUSE_MS = 1000

export function createSweeper(deps: SweeperDeps): Sweeper {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let running: Promise<number> = Promise.resolve(0)

  async function sweep(): Promise<number> {
    let count = 0
    for (let shard = 0; shard < SHARDS && !stopped; shard++) count += await sweepShard(deps, shard, () => stopped)
    return count
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
    const outcomes = await Promise.all(due.map((entry) => settle(deps, entry)))
    const idle = due.filter((_, index) => outcomes[index] === 'nothing')
    if (idle.length > 0) await deps.deadlines.drop(shard, idle)
    count += due.length
    if (due.length < BATCH || stopped()) return count
  }
}

/** `nothing`: there is no record that would need this deadline any more. A failure is left to the next sweep, when the lease has run out. */
async function settle(deps: SweeperDeps, due: Due): Promise<'done' | 'nothing' | 'failed'> {
  try {
    switch (due.kind) {
      case 'grant':
        return counted(deps, due, await sweepGrant(deps, due.id))
      case 'task':
        return counted(deps, due, await sweepTask(deps, due.id))
      case 'credential':
        return counted(deps, due, await sweepCredential(deps, due.id))
    }
  } catch (error) {
    deps.log.warn('deadline_not_swept', { reason: due.kind, detail: due.id, error })
    return 'failed'
  }
}

function counted<T>({ metrics }: SweeperDeps, { kind }: Due, outcome: T): T {
  if (outcome === 'done') metrics.swept(kind, 1)
  return outcome
}

async function sweepGrant(deps: SweeperDeps, id: GrantId): Promise<'done' | 'nothing'> {
  const expired = await expireGrant(deps, id)
  if (expired.ok) return 'done'
  if (expired.refusal.reason === 'grant_unknown') return 'nothing'
  const record = await deps.stores.grants.read(id)
  if (record === undefined) return 'nothing'
  if (isEnded(deps.safe.open(record).grant)) await deps.stores.grants.forget(id, deps.clock.now())
  return 'done'
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
