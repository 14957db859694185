import type { EpochSeconds } from '../runtime/clock.js'
import type { CredentialId } from '../runtime/ids.js'
import { encodeRevoked } from '../x509/build-crl.js'

/**
 * The entries of one CRL, encoded, in runs by the minute in which their certificates expire. Adding one touches its run alone, and
 * what has expired goes by whole runs: neither depends on how many there are.
 */
export interface RevokedEntries {
  /** False when it is there already. */
  add(id: CredentialId, expiresAt: EpochSeconds, at: EpochSeconds): boolean
  /** When this certificate ended. */
  endedAt(id: CredentialId): EpochSeconds | undefined
  /** Drops what has expired before the time given. */
  drop(before: EpochSeconds): void
  /** Encoded entries. Views, that later calls change: to be used at once. */
  runs(): readonly Buffer[]
  count(): number
  /** Grows with each entry that is added. */
  version(): number
}

interface Run {
  readonly ended: Map<CredentialId, EpochSeconds>
  buffer: Buffer
  used: number
}

const MINUTE = 60
/** A few entries: most runs stay small. */
const FIRST_BYTES = 1024

export function createRevokedEntries(): RevokedEntries {
  const byMinute = new Map<number, Run>()
  let version = 0

  return {
    add(id, expiresAt, at) {
      const minute = Math.floor(expiresAt / MINUTE)
      const run = byMinute.get(minute) ?? { ended: new Map(), buffer: Buffer.alloc(FIRST_BYTES), used: 0 }
      if (run.ended.has(id)) return false
      byMinute.set(minute, run)
      run.ended.set(id, at)
      append(run, encodeRevoked(serialOf(id), at))
      version += 1
      return true
    },
    endedAt(id) {
      for (const { ended } of byMinute.values()) {
        const at = ended.get(id)
        if (at !== undefined) return at
      }
      return undefined
    },
    drop(before) {
      for (const minute of byMinute.keys()) if ((minute + 1) * MINUTE <= before) byMinute.delete(minute)
    },
    runs: () => [...byMinute.values()].map(({ buffer, used }) => buffer.subarray(0, used)),
    count: () => [...byMinute.values()].reduce((sum, { ended }) => sum + ended.size, 0),
    version: () => version,
  }
}

/** The 17 bytes of the id are the serial number (contract §2). Their first is 0x40 to 0x7f, so they are positive as they stand. */
const serialOf = (id: CredentialId): Buffer => Buffer.from(id.slice('cr_'.length), 'hex')

function append(run: Run, entry: Buffer): void {
  const needed = run.used + entry.length
  if (needed > run.buffer.length) {
    const larger = Buffer.alloc(Math.max(needed, run.buffer.length * 2))
    run.buffer.copy(larger, 0, 0, run.used)
    run.buffer = larger
  }
  entry.copy(run.buffer, run.used)
  run.used = needed
}
