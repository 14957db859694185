/**
 * The embedded database: steps run one after another in memory, become durable in groups by one write to a log, and
 * are taken over into lmdb a few megabytes at a time. lmdb alone spends 250 µs on a step of twenty random keys, because
 * each of them costs a page; in bulk a page serves many keys, and what was put and removed meanwhile costs nothing.
 * Memory and start-up are bounded by the log that was not taken over, never by the number of records.
 */
import { open as openFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../runtime/fault.js'
import { Journal } from './journal.js'
import { type Base, type Change, type Codec, type NotedChange, Table } from './table.js'
import { type Lmdb, openLmdb, segmentPath, takeOver, takeOverAll } from './takeover.js'

export interface DatabaseLimits {
  /** A segment of the log is taken over when it has grown to this. */
  readonly segmentBytes: number
  /** When lmdb cannot keep up (a full disk, say), no step is accepted beyond this. */
  readonly backlogBytes: number
  /** Between two attempts to come back after a failed write. */
  readonly retryMs: number
}

export const DEFAULT_LIMITS: DatabaseLimits = {
  segmentBytes: 8 * 1024 * 1024,
  backlogBytes: 64 * 1024 * 1024,
  retryMs: 1_000,
}

/** Steps that become durable together, and who waits for it. */
class Group {
  readonly changes: NotedChange[] = []
  readonly waiters: { readonly resolve: () => void; readonly reject: (fault: Fault) => void }[] = []
}

export class Database implements Base {
  readonly #tables: Pick<Table<unknown>, 'freeze' | 'frozen' | 'thaw' | 'reset'>[] = []
  #state: 'open' | 'broken' | 'closing' | 'closed' = 'open'
  #stepping = false
  #pending = new Group()
  #writing: Group | undefined
  #drained: Promise<void> | undefined
  #takingOver: Promise<void> | undefined
  #comingBack: Promise<void> | undefined
  /** A segment before the current one is not in lmdb yet. */
  #behind = false
  #journal: Journal
  #segment: number

  private constructor(
    readonly directory: string,
    readonly limits: DatabaseLimits,
    readonly lmdb: Lmdb,
    started: { readonly journal: Journal; readonly segment: number },
  ) {
    this.#journal = started.journal
    this.#segment = started.segment
  }

  /** The directory is there, and nobody else uses it. */
  static async open(directory: string, limits: DatabaseLimits = DEFAULT_LIMITS): Promise<Database> {
    const lmdb = await openLmdb(directory)
    try {
      return new Database(directory, limits, lmdb, await start(lmdb, directory))
    } catch (error) {
      await lmdb.close()
      throw error
    }
  }

  table<T>(letter: string, codec: Codec<T>, { scanned = false } = {}): Table<T> {
    const table = new Table(this, letter, codec, scanned)
    this.#tables.push(table)
    return table
  }

  /**
   * Runs `work` as one step: all of its changes become durable, or none; nothing else runs in between. Resolves when they
   * are, and when everything that it has seen is.
   */
  step<T>(work: () => T): Promise<T> {
    let result: T
    try {
      this.#mustBeOpen()
      if (this.#journal.size > this.limits.backlogBytes) throw unavailable('the embedded store cannot keep up')
      result = this.#run(work)
    } catch (error) {
      return Promise.reject(asFault(error))
    }
    const group = this.#pending.changes.length > 0 ? this.#pending : this.#writing
    if (!group) return Promise.resolve(result)
    this.#drained ??= this.#drain()
    return new Promise((resolve, reject) => {
      group.waiters.push({
        resolve: () => {
          resolve(result)
        },
        reject,
      })
    })
  }

  /** Looks at one moment of the database, without waiting for it to be durable. */
  look<T>(work: () => T): Promise<T> {
    try {
      this.#mustBeOpen()
      return Promise.resolve(work())
    } catch (error) {
      return Promise.reject(asFault(error))
    }
  }

  /** Everything is in lmdb afterwards, so that the next start has nothing to read. */
  async close(): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return
    const whole = this.#state === 'open'
    this.#state = 'closing'
    await this.#drained
    await this.#takingOver
    await this.#comingBack
    // What cannot be taken over now is in the log for the next start; never out of turn.
    if (whole && !this.#behind) await this.#takeOverLast()
    this.#state = 'closed'
    await this.#journal.close()
    await this.lmdb.close()
  }

  read(letter: string, key: string): string | undefined {
    return this.lmdb.get(letter + key)
  }

  *range(letter: string, start: string, end: string): Generator<{ readonly key: string; readonly text: string }> {
    for (const { key, value } of this.lmdb.getRange({ start: letter + start, end: letter + end })) {
      yield { key: key.slice(1), text: value }
    }
  }

  note(change: NotedChange): void {
    if (!this.#stepping) throw new Error('changes belong in a step')
    this.#pending.changes.push(change)
  }

  #mustBeOpen(): void {
    if (this.#state === 'open') return
    throw unavailable(this.#state === 'broken' ? 'the embedded store cannot write' : 'the embedded store is closed')
  }

  #run<T>(work: () => T): T {
    const { changes } = this.#pending
    const first = changes.length
    this.#stepping = true
    try {
      const result = work()
      for (let at = first; at < changes.length; at += 1) changes[at]?.settle()
      return result
    } catch (error) {
      for (const change of changes.splice(first).reverse()) change.takeBack()
      throw error
    } finally {
      this.#stepping = false
    }
  }

  async #drain(): Promise<void> {
    // Steps of the same turn go into the same group.
    await new Promise((resolve) => setImmediate(resolve))
    try {
      while (this.#pending.changes.length > 0) await this.#writeGroup()
    } catch (error) {
      this.#break(error)
    } finally {
      this.#writing = undefined
      this.#drained = undefined
    }
  }

  async #writeGroup(): Promise<void> {
    const group = this.#pending
    this.#pending = new Group()
    this.#writing = group
    const last = this.#journal.size >= this.limits.segmentBytes && !this.#takingOver
    // The segment ends with this group: what tables hold now is exactly what segments say, and the next steps are the next one's.
    if (last) this.#freeze()
    await this.#journal.append(group.changes)
    this.#writing = undefined
    for (const { resolve } of group.waiters) resolve()
    if (last) await this.#nextSegment()
  }

  async #nextSegment(): Promise<void> {
    const [journal, segment] = [this.#journal, this.#segment]
    this.#journal = await createSegment(this.directory, segment + 1)
    this.#segment = segment + 1
    this.#takingOver = this.#takeOverInBackground(journal, segment)
  }

  async #takeOverInBackground(journal: Journal, segment: number): Promise<void> {
    while (!(await this.#tookOver(segment)) && this.#state === 'open') await sleep(this.limits.retryMs)
    await journal.close().catch(() => undefined)
    this.#takingOver = undefined
  }

  async #tookOver(segment: number): Promise<boolean> {
    try {
      await takeOver(this.lmdb, segment, this.#frozen())
      if (this.#state === 'broken') return true
      for (const table of this.#tables) table.thaw()
      this.#behind = false
      await rm(segmentPath(this.directory, segment), { force: true })
      return true
    } catch {
      // The log has it all; it grows until lmdb can be written to again, and then too far.
      return false
    }
  }

  async #takeOverLast(): Promise<void> {
    this.#freeze()
    await this.#tookOver(this.#segment)
  }

  #freeze(): void {
    this.#behind = true
    for (const table of this.#tables) table.freeze()
  }

  *#frozen(): Generator<Change> {
    for (const table of this.#tables) yield* table.frozen()
  }

  /** What is in memory is ahead of the disk: nobody may see it any more. */
  #break(cause: unknown): void {
    const fault = unavailable('the embedded store cannot write', cause)
    const groups = [this.#writing, this.#pending]
    this.#pending = new Group()
    for (const group of groups) for (const { reject } of group?.waiters ?? []) reject(fault)
    if (this.#state !== 'open') return
    this.#state = 'broken'
    this.#comingBack = this.#comeBack()
  }

  async #comeBack(): Promise<void> {
    while (this.#state === 'broken') {
      await sleep(this.limits.retryMs, undefined, { ref: false })
      await this.#takingOver
      if (await this.#cameBack()) break
    }
    this.#comingBack = undefined
  }

  async #cameBack(): Promise<boolean> {
    try {
      await this.#journal.truncate()
      const { journal, segment } = await start(this.lmdb, this.directory)
      await this.#journal.close()
      this.#journal = journal
      this.#segment = segment
      this.#behind = false
      for (const table of this.#tables) table.reset()
      if (this.#state === 'broken') this.#state = 'open'
      return true
    } catch {
      return false
    }
  }
}

async function start(lmdb: Lmdb, directory: string): Promise<{ journal: Journal; segment: number }> {
  const segment = (await takeOverAll(lmdb, directory)) + 1
  return { journal: await createSegment(directory, segment), segment }
}

async function createSegment(directory: string, segment: number): Promise<Journal> {
  const journal = await Journal.create(segmentPath(directory, segment))
  // Its name must be on the disk before anything in it is believed to be.
  const folder = await openFile(directory)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return journal
}

const unavailable = (message: string, cause?: unknown) => new Fault('store_unavailable', message, { cause })

const asFault = (error: unknown): Fault =>
  error instanceof Fault ? error : unavailable('the embedded store failed', error)
