import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../runtime/clock.js'
import { Fault } from '../../runtime/fault.js'

interface Holder {
  readonly pid: number
  /** When the process started, as its system counts it: tells it from a later one with the same id. */
  readonly started: string
  readonly host: string
  readonly nonce: string
}

export interface DirectoryLock {
  release(): void
}

const TOUCH_EVERY_MS = 5_000
/** A holder on another machine cannot be asked whether it lives: it does while it touches its lock. */
const SILENT_FOR_MS = 30_000

/**
 * The embedded store is for one broker: two on one directory would each believe their own memory.
 * @throws Fault `store_unavailable` when another process has the directory
 */
export function lockDirectory(directory: string, clock: Clock): DirectoryLock {
  const path = join(directory, 'lock')
  const nonce = randomBytes(8).toString('hex')
  const me: Holder = { pid: process.pid, started: startOf(process.pid), host: hostname(), nonce }
  // Linked into place when it is complete: a lock is never seen half written.
  const candidate = `${path}.${nonce}`
  writeFileSync(candidate, JSON.stringify(me), { mode: 0o600 })
  try {
    while (!link(candidate, path)) {
      const holder = readHolder(path)
      if (holder === 'gone') continue
      if (holder && isAlive(holder, path, clock)) throw new Fault('store_unavailable', inUse(directory, holder))
      breakLock(candidate, path, holder?.nonce)
    }
  } finally {
    rmSync(candidate, { force: true })
  }
  const timer = setInterval(() => {
    touch(path, clock)
  }, TOUCH_EVERY_MS)
  timer.unref()
  const release = () => {
    clearInterval(timer)
    const holder = readHolder(path)
    if (holder !== 'gone' && holder?.nonce === nonce) rmSync(path, { force: true })
  }
  return { release }
}

const inUse = (directory: string, { pid, host }: Holder) =>
  `the data directory ${directory} is in use by process ${pid} on ${host}: the embedded store is for one broker; ` +
  'stop that one, or use Redis for several'

/** Only one process may break the lock of a given holder: whoever links the marker. Then it is looked at once more. */
function breakLock(candidate: string, path: string, nonce = 'unreadable'): void {
  const marker = `${path}.breaking.${nonce}`
  if (!link(candidate, marker)) return
  try {
    const holder = readHolder(path)
    if (holder !== 'gone' && (holder?.nonce ?? 'unreadable') === nonce) rmSync(path, { force: true })
  } finally {
    rmSync(marker, { force: true })
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

/** `undefined`: not a lock of ours. */
function readHolder(path: string): Holder | 'gone' | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isHolder(holder) ? holder : undefined
  } catch (error) {
    return hasCode(error, 'ENOENT') ? 'gone' : undefined
  }
}

const isHolder = (value: unknown): value is Holder =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'started' in value &&
  typeof value.started === 'string' &&
  'host' in value &&
  typeof value.host === 'string' &&
  'nonce' in value &&
  typeof value.nonce === 'string'

function isAlive(holder: Holder, path: string, clock: Clock): boolean {
  if (holder.host !== hostname()) return clock.nowMs() - touchedAt(path) < SILENT_FOR_MS
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
  return startOf(holder.pid) === holder.started
}

function touchedAt(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0
    throw error
  }
}

/** Best effort: a full disk must not take the broker down, and another machine waits for half a minute. */
function touch(path: string, clock: Clock): void {
  try {
    utimesSync(path, clock.now(), clock.now())
  } catch {
    return
  }
}

/** Empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; the start time is the 20th field after it.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
