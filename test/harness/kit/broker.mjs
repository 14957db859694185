// @ts-check
// A broker as it is run: `errand serve`, a process of its own, with its own directory.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeConfiguration } from './configuration.mjs'
import { freePort } from './free-port.mjs'
import { end, isRunning, startNode, temporaryDirectory, until } from './processes.mjs'

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/**
 * @typedef {object} BrokerProcess
 * @property {string} url
 * @property {string} directory
 * @property {string} authorization of the resource server, for /introspect
 * @property {() => import('node:child_process').ChildProcess} child the one that runs, or ran last
 * @property {() => number} pid
 * @property {() => Promise<void>} start again
 * @property {() => Promise<void>} stop gracefully
 */

/**
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.ci URL of the issuer of workloads
 * @param {string} options.corp URL of the issuer of people
 * @param {(directory: string) => object} options.store its part of the configuration
 * @param {readonly string[]} [options.nodeFlags]
 * @param {(directory: string) => NodeJS.ProcessEnv} [options.env] asked at each start
 * @param {boolean} [options.ipc]
 * @param {string} [options.lease]
 * @param {boolean} [options.starts] false: not yet
 * @returns {Promise<BrokerProcess>}
 */
export async function startBroker({ name, ci, corp, store, nodeFlags = [], env, ipc = false, lease, starts = true }) {
  const directory = temporaryDirectory(name)
  const url = `http://127.0.0.1:${String(await freePort())}`
  const { file, authorization } = writeConfiguration({
    url,
    directory,
    ci,
    corp,
    store: store(directory),
    ...(lease === undefined ? {} : { lease }),
  })
  const log = join(directory, 'broker.log')
  const launch = async () => {
    const started = startNode([...nodeFlags, PROGRAM, 'serve'], {
      log,
      ipc,
      env: { ERRAND_CONFIG: file, ...env?.(directory) },
    })
    await until(() => isHealthy(url, started, log), 'the broker answers', 120_000)
    return started
  }
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child = starts ? await launch() : undefined
  const running = () => {
    if (child === undefined) throw new Error('the broker was never started')
    return child
  }
  return {
    url,
    directory,
    authorization,
    child: running,
    pid: () => running().pid ?? 0,
    start: async () => {
      child = await launch()
    },
    stop: async () => {
      if (child !== undefined) await end(child, 'SIGTERM')
    },
  }
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} log
 */
async function isHealthy(url, child, log) {
  if (!isRunning(child)) {
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-15).join('\n') : ''
    throw new Error(`the broker ended: ${String(child.signalCode ?? child.exitCode)}\n${lines}`)
  }
  try {
    return (await fetch(`${url}/healthz`)).ok
  } catch {
    return false
  }
}
