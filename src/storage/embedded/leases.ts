import type { EpochSeconds } from '../../runtime/clock.js'
import { shardOf, type Shard } from '../../runtime/ids.js'

/** A deadline that a sweeper has in hand. */
export interface Lease {
  /** Where its entry stands in `due`. */
  readonly at: EpochSeconds
  /** When it is handed out again. */
  readonly until: EpochSeconds
}

/**
 * Which deadlines are in hand. In memory alone: nobody but this process sweeps its directory, and what
 * it had in hand when it died is due again at its next start.
 */
export class Leases {
  readonly #byShard = new Map<Shard, Map<string, Lease>>()

  of(shard: Shard): ReadonlyMap<string, Lease> {
    return this.#byShard.get(shard) ?? new Map<string, Lease>()
  }

  get(id: string): Lease | undefined {
    return this.#byShard.get(shardOf(id))?.get(id)
  }

  grant(id: string, lease: Lease): void {
    const shard = shardOf(id)
    const leases = this.#byShard.get(shard) ?? new Map<string, Lease>()
    this.#byShard.set(shard, leases.set(id, lease))
  }

  end(id: string): void {
    this.#byShard.get(shardOf(id))?.delete(id)
  }
}
