// @ts-check
// Programs that a bench or a harness starts: each is ended with us, whatever happens to us.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { V8_FLAGS } from '../../../config/tooling/launch.mjs'

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/**
 * @param {readonly string[]} args for node
 * @param {{ log?: string, env?: NodeJS.ProcessEnv, ipc?: boolean }} [options] `log`: a file for standard output
 * @returns {ChildProcess}
 */
export function startNode(args, { log, env = {}, ipc = false } = {}) {
  const output = log === undefined ? 'inherit' : openSync(log, 'a')
  const child = spawn(process.execPath, [...V8_FLAGS, ...args], {
    stdio: ['ignore', output, output, ...(ipc ? [/** @type {'ipc'} */ ('ipc')] : [])],
    env: { ...process.env, NODE_ENV: 'production', UV_THREADPOOL_SIZE: String(availableParallelism()), ...env },
  })
  if (typeof output === 'number') closeSync(output)
  return endsWithUs(child)
}

/** @type {Set<() => void>} */
const atExit = new Set()
process.once('exit', endAll)

/** Ends every program that was started here and removes every directory: for callers that go on. */
export function endAll() {
  for (const act of [...atExit].reverse()) act()
  atExit.clear()
}

/**
 * @param {ChildProcess} child
 * @returns {ChildProcess}
 */
export function endsWithUs(child) {
  const kill = () => {
    child.kill('SIGKILL')
  }
  atExit.add(kill)
  child.once('exit', () => atExit.delete(kill))
  return child
}

/** Processes are ended by the exit handler only if a signal leads to an exit. */
export function exitOnSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.once(signal, () => process.exit(1))
}

/** @param {ChildProcess} child */
export const isRunning = (child) => child.exitCode === null && child.signalCode === null

/**
 * @param {ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
export async function end(child, signal) {
  if (!isRunning(child)) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/**
 * The next message of a child; an error when it ends instead.
 * @template T
 * @param {ChildProcess} child
 * @returns {Promise<T>}
 */
export function messageOf(child) {
  return new Promise((resolve, reject) => {
    const onMessage = (/** @type {unknown} */ message) => {
      child.off('exit', onExit)
      resolve(/** @type {T} */ (message))
    }
    const onExit = (/** @type {number | null} */ code, /** @type {string | null} */ signal) => {
      child.off('message', onMessage)
      reject(new Error(`${child.spawnargs.slice(1).join(' ')} ended: ${String(signal ?? code)}`))
    }
    child.once('message', onMessage)
    child.once('exit', onExit)
  })
}

/**
 * @param {string} name
 * @returns {string} a directory that is removed when we end
 */
export function temporaryDirectory(name) {
  const directory = mkdtempSync(join(tmpdir(), `errand-${name}-`))
  atExit.add(() => {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  return directory
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * @param {() => Promise<boolean>} isSo
 * @param {string} what
 * @param {number} [withinMs]
 */
export async function until(isSo, what, withinMs = 60_000) {
  const deadline = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${String(withinMs)} ms`)
    await sleep(20)
  }
}
