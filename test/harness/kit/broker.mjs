// @ts-check
// A broker as it is run: `errand serve`, a process of its own, with its own directory.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeConfiguration } from './configuration.mjs'
import { end, freePort, isRunning, startNode, temporaryDirectory, until } from './processes.mjs'

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/**
 * @typedef {object} BrokerProcess
 * @property {string} url
 * @property {string} directory
 * @property {string} configuration file
 * @property {string} log file
 * @property {string} authorization of the resource server, for /introspect
 * @property {() => number} pid
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} stop gracefully
 * @property {() => Promise<void>} kill
 */

/**
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.ci URL of the issuer of workloads
 * @param {string} options.corp URL of the issuer of people
 * @param {(directory: string) => object} options.store its part of the configuration
 * @param {readonly string[]} [options.nodeFlags]
 * @param {string} [options.program] in place of `errand serve`
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {string} [options.lease]
 * @returns {Promise<BrokerProcess>}
 */
export async function startBroker({ name, ci, corp, store, nodeFlags = [], program, env = {}, lease }) {
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
  const args = [...nodeFlags, ...(program === undefined ? [PROGRAM, 'serve'] : [program])]
  const launch = async () => {
    const started = startNode(args, { log, env: { ERRAND_CONFIG: file, ...env } })
    await until(() => isReady(url, started), `the broker is ready (${log})`)
    return started
  }
  let child = await launch()
  return {
    url,
    directory,
    configuration: file,
    log,
    authorization,
    pid: () => child.pid ?? 0,
    start: async () => {
      child = await launch()
    },
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  }
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 */
async function isReady(url, child) {
  if (!isRunning(child)) throw new Error(`the broker ended: ${String(child.signalCode ?? child.exitCode)}`)
  try {
    return (await fetch(`${url}/readyz`)).ok
  } catch {
    return false
  }
}
