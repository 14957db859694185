import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { open, type RootDatabase } from 'lmdb'
import { readJournal } from './journal.js'
import type { Change } from './table.js'

/** Keys are bytes in strings (latin1), the letter of their table first. */
export type Lmdb = RootDatabase<string, string>

/** So many changes are handed to lmdb in one turn of the event loop: about a third of a millisecond. */
const SLICE = 256
const SEGMENT = /^log-(\d{12})$/
/** lmdb holds all segments up to this number. The first character is no table's. */
const APPLIED = '\0applied'

export const segmentPath = (directory: string, segment: number): string =>
  join(directory, `log-${String(segment).padStart(12, '0')}`)

const latin1Keys = {
  writeKey: (key: string, target: Buffer, at: number): number => at + target.write(key, at, 'latin1'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('latin1', start, end),
}

export async function openLmdb(directory: string): Promise<Lmdb> {
  const path = join(directory, 'store.mdb')
  // Without batches of its own making: when those fail, nobody can catch it.
  const options = { noSubdir: true, keyEncoder: latin1Keys, encoding: 'string', eventTurnBatching: false } as const
  const lmdb = open<string, string>({ path, ...options })
  await Promise.all([chmod(path, 0o600), chmod(`${path}-lock`, 0o600)])
  return lmdb
}

/**
 * Takes over the segments that a stopped process left, oldest first; answers the number of the last.
 * @throws DamagedJournal when acknowledged steps cannot be read
 */
export async function takeOverAll(lmdb: Lmdb, directory: string): Promise<number> {
  const applied = Number(lmdb.get(APPLIED) ?? '0')
  const segments = (await readdir(directory)).flatMap((name) => SEGMENT.exec(name)?.slice(1).map(Number) ?? [])
  for (const segment of segments.sort((a, b) => a - b)) {
    const path = segmentPath(directory, segment)
    if (segment > applied) {
      const last = new Map<string, Change>()
      for await (const change of readJournal(path)) last.set(change.letter + change.key, change)
      await takeOver(lmdb, segment, last.values())
    }
    await rm(path, { force: true })
  }
  return Math.max(applied, ...segments)
}

/**
 * Brings the last change of each key of a segment into lmdb. It may take several of lmdb's transactions: until the last one has said which segment it
 * was, the segment is there to be taken over again from its beginning, which changes nothing.
 */
export async function takeOver(lmdb: Lmdb, segment: number, last: Iterable<Change>): Promise<void> {
  const changes = [...last]
  const commits: Promise<unknown>[] = []
  for (let at = 0; at < changes.length; at += SLICE) {
    commits.push(
      committed(
        lmdb.batch(() => {
          writeAll(lmdb, changes.slice(at, at + SLICE))
        }),
      ),
    )
    await nextTurn()
  }
  const failures = (await Promise.all(commits)).filter((failure) => failure !== undefined)
  if (failures.length > 0) throw new Error('lmdb could not write', { cause: failures[0] })
  const marked = committed(lmdb.put(APPLIED, String(segment)))
  const flushed = Promise.resolve(lmdb.flushed)
  const failure = await marked
  if (failure !== undefined) throw new Error('lmdb could not write', { cause: failure })
  await flushed
  lmdb.resetReadTxn()
}

function writeAll(lmdb: Lmdb, changes: readonly Change[]): void {
  for (const { letter, key, text } of changes) {
    if (text === undefined) void lmdb.remove(letter + key)
    else void lmdb.put(letter + key, text)
  }
}

/** Answers what went wrong, so that no rejection is left alone while the other slices are written. */
async function committed(write: Promise<unknown>): Promise<unknown> {
  try {
    await write
    return undefined
  } catch (error) {
    // lmdb keeps the reason in a second promise, which would be an unhandled rejection.
    if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
      return error.commitError.catch((reason: unknown) => reason ?? error)
    }
    return error ?? new Error('no reason given')
  }
}
