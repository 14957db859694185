// @ts-check
// One set-up at a time in this folder. The lock names its holder, so that the lock of a process which died is broken.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {{ pid: number, started: string, nonce: string }} Holder */

/**
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (holder: Holder) => void, pollMs?: number }} [options]
 * @returns {Promise<T>}
 */
export async function withLock(path, work, { onWait, pollMs = 100 } = {}) {
  mkdirSync(dirname(path), { recursive: true })
  const me = { pid: process.pid, started: startOf(process.pid), nonce: randomBytes(8).toString('hex') }
  let told = false
  while (!create(path, me)) {
    const holder = readHolder(path)
    if (holder && !isAlive(holder)) breakLock(path, holder)
    else {
      if (holder && !told) onWait?.(holder)
      told = true
      await sleep(pollMs)
    }
  }
  const release = () => {
    rmSync(path, { force: true })
  }
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

/**
 * Only one process may break the lock of a given holder: whoever creates the marker. Having it, the lock is looked at
 * once more, because somebody may have broken it before and a third may hold it by now.
 * @param {string} path
 * @param {Holder} dead
 */
function breakLock(path, dead) {
  const marker = `${path}.${dead.nonce}`
  if (!create(marker, dead)) return
  try {
    if (readHolder(path)?.nonce === dead.nonce) rmSync(path, { force: true })
  } finally {
    rmSync(marker, { force: true })
  }
}

/**
 * @param {string} path
 * @param {Holder} holder
 */
function create(path, holder) {
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * @param {string} path
 * @returns {Holder | undefined} undefined while it is being written or has just been released
 */
function readHolder(path) {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8'))
    return typeof holder.pid === 'number' && typeof holder.nonce === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** @param {Holder} holder */
export function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return startOf(pid) === started
}

/**
 * When a process started, as its system counts it: tells a process from a later one with the same id.
 * @param {number} pid
 * @returns {string} empty where there is no /proc
 */
export function startOf(pid) {
  try {
    const text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; the start time is the 20th field after it.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
