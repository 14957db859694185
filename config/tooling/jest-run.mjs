// @ts-check
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodeOf, launch } from './launch.mjs'
import { at, cache } from './paths.mjs'
import { jestTally } from './results.mjs'

/** How long jest may stay after its last test: something that is still open then is a fault of a test. */
const GRACE_SECONDS = 20

/**
 * @param {readonly string[]} args paths and jest's own options
 * @returns {Promise<import('./results.mjs').Tally>}
 */
export async function runJest(args) {
  mkdirSync(cache, { recursive: true })
  const results = join(cache, `jest-${String(process.pid)}.json`)
  rmSync(results, { force: true })
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
  const jest = [at('node_modules/jest/bin/jest.js'), '--config', at('config/tooling/jest.config.mjs'), '--ci']
  const ending = await launch([...node, ...jest, ...args], {
    env: { NODE_ENV: 'test', ERRAND_TEST_RESULTS: results },
    deadline: (stop) => stopWhenDone(results, stop),
  })
  const written = existsSync(results) ? readFileSync(results, 'utf8') : undefined
  rmSync(results, { force: true })
  return jestTally(written, exitCodeOf(ending))
}

/**
 * @param {string} results written when the last test has ended
 * @param {() => void} stop
 * @returns {() => void}
 */
function stopWhenDone(results, stop) {
  let waited = 0
  const timer = setInterval(() => {
    if (!existsSync(results)) return
    waited += 1
    if (waited !== GRACE_SECONDS) return
    process.stderr.write('errand: the tests have ended but jest has not: a test left something open\n')
    stop()
  }, 1000)
  return () => {
    clearInterval(timer)
  }
}
