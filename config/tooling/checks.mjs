// @ts-check
// The static checks: each is one item that passes or fails.
import { join } from 'node:path'
import { capture, exitCodeOf } from './launch.mjs'
import { at, cache } from './paths.mjs'

/** @typedef {{ name: string, repair: string, args: readonly string[] }} Check */

const bin = (/** @type {string} */ path) => at('node_modules', path)

export const eslint = [
  bin('eslint/bin/eslint.js'),
  ...['--config', at('config/tooling/eslint.config.mjs'), '--max-warnings', '0', '--no-error-on-unmatched-pattern'],
]
export const prettier = [bin('prettier/bin/prettier.cjs')]

/** @type {readonly Check[]} */
export const checks = [
  {
    name: 'lint',
    repair: 'npm run lint -- --fix repairs some of it',
    args: [...eslint, '.'],
  },
  {
    name: 'types',
    repair: 'sources, tests and tools must all compile',
    args: [
      bin('typescript/bin/tsc'),
      ...['-p', at('config/tooling/tsconfig.lint.json'), '--pretty', 'false'],
      ...['--incremental', '--tsBuildInfoFile', join(cache, 'types.tsbuildinfo')],
    ],
  },
  {
    name: 'format',
    repair: 'npm run format repairs it',
    args: [...prettier, '--check', '--log-level', 'warn', '.'],
  },
  {
    name: 'dependencies',
    repair: 'each rule in config/tooling/dependency-cruiser.mjs says what to do instead',
    args: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      ...['--config', at('config/tooling/dependency-cruiser.mjs'), '--output-type', 'err-long', 'src'],
    ],
  },
  {
    name: 'unused',
    repair: 'remove what nothing uses',
    args: [bin('knip/bin/knip.js'), '--config', at('config/tooling/knip.json'), '--no-progress'],
  },
  {
    name: 'documents',
    repair: 'what docs/rfc-compliance.md names must exist, and links must lead somewhere',
    args: [at('config/tooling/compliance.mjs')],
  },
]

/**
 * @param {(text: string) => void} print
 * @returns {Promise<import('./results.mjs').Tally>}
 */
export async function runChecks(print) {
  const tally = { passed: 0, failed: 0 }
  const waiting = [...checks]
  const worker = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const started = performance.now()
      const ending = await capture(process.execPath, check.args)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      if (exitCodeOf(ending) === 0) {
        tally.passed += 1
        print(`ok      ${check.name} (${seconds} s)\n`)
      } else {
        tally.failed += 1
        print(`FAILED  ${check.name} (${seconds} s): ${check.repair}\n${ending.output.trimEnd()}\n\n`)
      }
    }
  }
  await Promise.all([worker(), worker()])
  return tally
}
