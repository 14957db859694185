import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { faultsOf, tallyOf } from './results.mjs'

/**
 * Fails a run in which something did not run: a skipped, todo or focused test, a suite that crashed, no test at all.
 * With ERRAND_TEST_RESULTS it leaves the counts in that file for the launcher.
 */
export default class StrictReporter {
  #globalConfig
  #faults = []

  constructor(globalConfig) {
    this.#globalConfig = globalConfig
  }

  onRunComplete(_contexts, results) {
    const chosenByName = Boolean(this.#globalConfig.testNamePattern)
    this.#faults = faultsOf(results, { chosenByName, readSource: (path) => readFileSync(path, 'utf8') })
    if (this.#faults.length > 0) process.stderr.write(`\n${this.#message()}\n`)
    const file = process.env.ERRAND_TEST_RESULTS
    if (file) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify(tallyOf(results, this.#faults)))
    }
  }

  getLastError() {
    return this.#faults.length > 0 ? new Error(this.#message()) : undefined
  }

  #message() {
    return ['the run is not complete:', ...this.#faults].join('\n  ')
  }
}
