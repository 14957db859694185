// @ts-check
import { spawn } from 'node:child_process'
import { constants, availableParallelism } from 'node:os'
import { root } from './paths.mjs'

// An inlined call from JavaScript to WebAssembly can abort Node 20 and 22 when it is deoptimized (cedar-wasm). A larger young
// generation (MB) takes a tenth off the CPU of an exchange, and a third off its p99: what a request leaves dies young. To
// begin with it large, too, takes a tenth off a certificate, and off the embedded store when the machine is busy: left to
// itself it grows late, if ever.
export const V8_FLAGS = ['--no-turbo-inline-js-wasm-calls', '--min-semi-space-size=32', '--max-semi-space-size=64']

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Ending */

/**
 * Signatures are checked in the thread pool: a thread for each core, and two more for the log of the embedded store, unless
 * somebody chose.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export const programEnv = (env, cores = availableParallelism()) => ({
  UV_THREADPOOL_SIZE: String(cores + 2),
  ...env,
})

/**
 * @param {Ending} ending
 * @returns {number} as a shell would say it
 */
export const exitCodeOf = ({ code, signal }) => code ?? (signal ? 128 + constants.signals[signal] : 1)

/**
 * Runs a program in our place: its output is ours, signals sent to us reach it.
 * @param {readonly string[]} args for node
 * @param {{ env?: NodeJS.ProcessEnv, deadline?: (stop: () => void) => () => void }} [options] `deadline` may stop the
 *   program; what it returns is called when the program has ended
 * @returns {Promise<Ending>}
 */
export function launch(args, { env = {}, deadline } = {}) {
  return run(process.execPath, [...V8_FLAGS, ...args], { env: { ...programEnv(process.env), ...env }, deadline })
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, deadline?: ((stop: () => void) => () => void) | undefined,
 *   stdio?: import('node:child_process').StdioOptions }} [options]
 * @returns {Promise<Ending>}
 */
export function run(command, args, { env = process.env, deadline, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio })
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      // Ctrl-C in a terminal reaches the whole group by itself: a second one would mean "at once" to the program.
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      child.kill(signal)
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']
    for (const signal of signals) process.on(signal, forward)
    const done = deadline?.(() => child.kill('SIGKILL'))
    const settle = () => {
      done?.()
      for (const signal of signals) process.off(signal, forward)
    }
    child.once('error', (error) => {
      settle()
      reject(error)
    })
    child.once('exit', (code, signal) => {
      settle()
      resolve({ code, signal })
    })
  })
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Ending & { output: string }>} both streams, in order of arrival
 */
export function capture(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    /** @type {Buffer[]} */
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve({ code, signal, output: Buffer.concat(chunks).toString('utf8') })
    })
  })
}
