import type { DescribeEvent } from '../evidence/describe-event.js'
import type { IssuanceStore } from '../grants/issuance-store.js'
import type { Clock } from '../runtime/clock.js'
import type { Log } from '../runtime/log.js'
import { shardOf, type CredentialId, type Shard } from '../runtime/ids.js'

/**
 * The last step of an issuance (invariant 9): what was sent is confirmed, what was never sent is voided. Both are off
 * the request's path. What is lost here (a crash) is voided by the sweeper, when the time to confirm has run out.
 */
export interface Delivery {
  /** The answer that carries it has left. */
  sent(id: CredentialId): void
  /** It never left, or nobody can say whether it was recorded: it shall never work. Retried until the store answers. */
  unsent(id: CredentialId): void
  /** Confirms and voids what is outstanding; for a graceful stop. */
  flush(): Promise<void>
  stop(): void
}

/** Seconds after which a credential that was never confirmed counts as never sent. */
export const CONFIRM_WITHIN = 30
const CONFIRM_EVERY_MS = 50
const RETRY_AFTER_MS = 1000
const BATCH = 200

export interface DeliveryDeps {
  readonly store: Pick<IssuanceStore, 'confirm' | 'endCredential'>
  readonly clock: Clock
  readonly describe: DescribeEvent
  readonly log: Log
}

export function createDelivery({ store, clock, describe, log }: DeliveryDeps): Delivery {
  const toConfirm = new Map<Shard, CredentialId[]>()
  const toVoid = new Set<CredentialId>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const schedule = (delay: number): void => {
    if (timer !== undefined || stopped) return
    timer = setTimeout(() => {
      timer = undefined
      void flush()
    }, delay)
    timer.unref()
  }

  async function confirmAll(): Promise<void> {
    const batches = [...toConfirm.values()]
    toConfirm.clear()
    for (const ids of batches)
      for (let from = 0; from < ids.length; from += BATCH) await confirmBatch(ids.slice(from, from + BATCH))
  }

  /** Tried again: what was sent would be voided by the sweeper once the store is back, under a client who holds it. */
  async function confirmBatch(ids: readonly CredentialId[]): Promise<void> {
    try {
      await store.confirm(ids)
    } catch (error) {
      log.warn('credentials_not_confirmed_yet', { count: ids.length, error })
      for (const id of ids) keepForConfirmation(id)
    }
  }

  function keepForConfirmation(id: CredentialId): void {
    const shard = shardOf(id)
    const waiting = toConfirm.get(shard)
    if (waiting === undefined) toConfirm.set(shard, [id])
    else waiting.push(id)
  }

  async function voidAll(): Promise<void> {
    for (const id of toVoid) {
      const now = clock.now()
      const event = describe(shardOf(id), 'credential.voided', now, { credentialId: id }, { reason: 'never_sent' })
      try {
        await store.endCredential(id, 'voided', now, [event])
        toVoid.delete(id)
      } catch (error) {
        log.warn('credential_not_voided_yet', { credential_id: id, error })
        return
      }
    }
  }

  async function flush(): Promise<void> {
    await confirmAll()
    await voidAll()
    if (toVoid.size > 0 || toConfirm.size > 0) schedule(RETRY_AFTER_MS)
  }

  return {
    sent(id) {
      keepForConfirmation(id)
      schedule(CONFIRM_EVERY_MS)
    },
    unsent(id) {
      toVoid.add(id)
      schedule(0)
    },
    flush,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
