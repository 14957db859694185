/**
 * The store for one broker without any server: a directory. `database.ts` makes steps atomic and durable, `tables.ts`
 * says what is kept, and each port has its file. It answers exactly like the Redis store; test/contract holds both to that.
 */
import { mkdir } from 'node:fs/promises'
import type { Stores } from '../../grants/stores.js'
import type { Clock } from '../../runtime/clock.js'
import { Fault } from '../../runtime/fault.js'
import { Database, type DatabaseLimits, DEFAULT_LIMITS } from './database.js'
import { EmbeddedDeadlineStore } from './deadline-store.js'
import { EmbeddedCertificateStore } from './certificate-store.js'
import { EmbeddedDeferralStore } from './deferral-store.js'
import { type DirectoryLock, lockDirectory } from './directory-lock.js'
import { EmbeddedEvidenceStore } from './evidence-store.js'
import { EmbeddedGrantStore } from './grant-store.js'
import { EmbeddedIssuanceStore } from './issuance-store.js'
import { EmbeddedKeyStore } from './key-store.js'
import { EmbeddedTaskStore } from './task-store.js'
import { tablesOf } from './tables.js'

export interface EmbeddedOptions {
  /** Made with mode 0700 when it is not there. */
  readonly directory: string
  readonly clock: Clock
  readonly limits?: DatabaseLimits
}

/**
 * @throws Fault `store_unavailable` when another broker has the directory, or when it cannot be read or written
 */
export async function openEmbeddedStores({
  directory,
  clock,
  limits = DEFAULT_LIMITS,
}: EmbeddedOptions): Promise<Stores> {
  const { database, lock } = await openLocked(directory, clock, limits)
  const tables = tablesOf(database)
  return {
    grants: new EmbeddedGrantStore(database, tables),
    deferrals: new EmbeddedDeferralStore(database, tables),
    issuance: new EmbeddedIssuanceStore(database, tables),
    tasks: new EmbeddedTaskStore(database, tables),
    certificates: new EmbeddedCertificateStore(database, tables),
    deadlines: new EmbeddedDeadlineStore(database, tables),
    evidence: new EmbeddedEvidenceStore(database, tables),
    keys: new EmbeddedKeyStore(database, tables, 'ring'),
    authorities: new EmbeddedKeyStore(database, tables, 'authorities'),
    ready: () =>
      database.step(() => {
        // Only a write shows that it can be written to.
        tables.counters.put('ready', clock.now())
        return { clockSkewSeconds: 0 }
      }),
    async close() {
      await database.close()
      lock.release()
    },
  }
}

async function openLocked(
  directory: string,
  clock: Clock,
  limits: DatabaseLimits,
): Promise<{ database: Database; lock: DirectoryLock }> {
  let lock: DirectoryLock | undefined
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    lock = lockDirectory(directory, clock)
    return { database: await Database.open(directory, limits), lock }
  } catch (error) {
    lock?.release()
    if (error instanceof Fault) throw error
    throw new Fault('store_unavailable', `the data directory ${directory} cannot be used`, { cause: error })
  }
}
