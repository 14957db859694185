// @ts-check
// What counts as passed and failed: plain data in, plain data out.

/** @typedef {{ passed: number, failed: number }} Tally */
/**
 * @typedef {{ status: string, fullName: string }} TestOutcome
 * @typedef {{ testFilePath: string, testExecError?: unknown, testResults: readonly TestOutcome[] }} SuiteOutcome
 * @typedef {{ testResults: readonly SuiteOutcome[], wasInterrupted?: boolean }} RunOutcome
 */

const NOT_RUN = new Set(['pending', 'skipped', 'disabled', 'todo', 'focused'])
const FOCUSED = /\b(?:test|it|describe)(?:\.\w+)*\.only\b|\bf(?:it|describe)\s*\(/

/**
 * One line for each thing that did not run, or would keep others from running.
 * @param {RunOutcome} run
 * @param {{ chosenByName?: boolean, readSource: (path: string) => string }} options with `chosenByName` (jest -t) the
 *   tests that were not chosen are no fault
 * @returns {string[]}
 */
export function faultsOf(run, { chosenByName = false, readSource }) {
  /** @type {string[]} */
  const faults = []
  let ran = 0
  for (const suite of run.testResults) {
    if (suite.testExecError) faults.push(`crashed: ${suite.testFilePath}`)
    else if (suite.testResults.length === 0) faults.push(`no test in ${suite.testFilePath}`)
    if (FOCUSED.test(readSource(suite.testFilePath))) faults.push(`a focused test in ${suite.testFilePath}`)
    for (const { status, fullName } of suite.testResults) {
      if (!NOT_RUN.has(status)) ran += 1
      else if (!chosenByName) faults.push(`${status}: ${fullName} (${suite.testFilePath})`)
    }
  }
  if (ran === 0) faults.push('no test ran')
  if (run.wasInterrupted) faults.push('the run was interrupted')
  return faults
}

/**
 * @param {RunOutcome} run
 * @param {readonly string[]} faults each counts as one failure
 * @returns {Tally}
 */
export function tallyOf(run, faults) {
  const statuses = run.testResults.flatMap((suite) => suite.testResults.map(({ status }) => status))
  const count = (/** @type {string} */ wanted) => statuses.filter((status) => status === wanted).length
  return { passed: count('passed'), failed: count('failed') + faults.length }
}

/**
 * What a jest process achieved: what it wrote, and its exit code, which is believed when it is the worse of the two.
 * @param {string | undefined} written the text of the results file, if there is one
 * @param {number} exitCode
 * @returns {Tally}
 */
export function jestTally(written, exitCode) {
  const tally = parseTally(written) ?? { passed: 0, failed: 1 }
  return exitCode !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally
}

/**
 * @param {string | undefined} text
 * @returns {Tally | undefined}
 */
function parseTally(text) {
  try {
    const { passed, failed } = JSON.parse(text ?? '')
    return Number.isSafeInteger(passed) && Number.isSafeInteger(failed) ? { passed, failed } : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally} nothing at all is a failure
 */
export function sumOf(tallies) {
  const sum = tallies.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), {
    passed: 0,
    failed: 0,
  })
  return sum.passed + sum.failed === 0 ? { passed: 0, failed: 1 } : sum
}

/** @param {Tally} tally */
export const finalLine = ({ passed, failed }) => `${String(passed)} passed, ${String(failed)} failed`
