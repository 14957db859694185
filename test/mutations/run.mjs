// @ts-check
// Breaks the invariants on purpose: each patch here is applied to a copy of the checkout, and the test that it names must go
// red. A mutation that nothing notices is a promise that nothing holds.
//
//   npm run mutations -- [--only TEXT]
//
// A patch begins with lines that say what it is:
//   invariant: 1
//   breaks: what the change takes away
//   test: test/unit/grants/review.test.ts
//   name: a part of the title of the test that must fail
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = resolve(HERE, '../..')
const COPIED = ['src', 'test', 'config', 'package.json', 'tsconfig.json']

/** @typedef {{ file: string, invariant: string, breaks: string, test: string, name: string }} Mutation */

/**
 * @param {string} file
 * @returns {Mutation}
 */
function readMutation(file) {
  const text = readFileSync(join(HERE, file), 'utf8')
  const said = (/** @type {string} */ key) => {
    const value = new RegExp(`^${key}: (.+)$`, 'm').exec(text)?.[1]
    if (value === undefined) throw new Error(`${file} does not say its ${key}`)
    return value
  }
  return { file, invariant: said('invariant'), breaks: said('breaks'), test: said('test'), name: said('name') }
}

/**
 * How many tests failed and passed, of those whose title contains the name.
 * @param {string} copy
 * @param {Mutation} mutation
 */
function runTest(copy, { test, name }) {
  const title = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const args = ['--experimental-vm-modules', '--no-turbo-inline-js-wasm-calls', 'node_modules/jest/bin/jest.js']
  const config = [
    '-c',
    'config/tooling/jest.config.mjs',
    '--reporters',
    'default',
    '--json',
    '--outputFile',
    'result.json',
  ]
  spawnSync(process.execPath, [...args, ...config, '--testNamePattern', title, test], {
    cwd: copy,
    stdio: 'ignore',
    timeout: 180_000,
  })
  /** @type {{ numFailedTests: number, numPassedTests: number, numRuntimeErrorTestSuites: number }} */
  const result = JSON.parse(readFileSync(join(copy, 'result.json'), 'utf8'))
  rmSync(join(copy, 'result.json'))
  return result
}

/**
 * @param {string} copy
 * @param {string} file
 * @param {readonly string[]} options
 */
function patch(copy, file, options) {
  const done = spawnSync('git', ['apply', '--unsafe-paths', ...options, join(HERE, file)], {
    cwd: copy,
    encoding: 'utf8',
  })
  return done.status === 0 ? undefined : done.stderr.trim()
}

/**
 * `undefined` when the named test notices the mutation; otherwise what is wrong.
 * @param {string} copy
 * @param {Mutation} mutation
 */
function judge(copy, mutation) {
  const sound = runTest(copy, mutation)
  if (sound.numPassedTests === 0 || sound.numFailedTests > 0) return 'the named test does not pass without the mutation'
  const refused = patch(copy, mutation.file, [])
  if (refused !== undefined) return `the patch does not apply: ${refused}`
  try {
    const broken = runTest(copy, mutation)
    return broken.numFailedTests > 0 ? undefined : 'the named test does not notice it'
  } finally {
    patch(copy, mutation.file, ['--reverse'])
  }
}

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const mutations = readdirSync(HERE)
  .filter((file) => file.endsWith('.patch') && file.includes(values.only ?? ''))
  .sort()
  .map(readMutation)
const copy = mkdtempSync(join(tmpdir(), 'errand-mutations-'))
let survived = 0
try {
  for (const entry of COPIED) cpSync(join(ROOT, entry), join(copy, entry), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  for (const mutation of mutations) {
    const wrong = judge(copy, mutation)
    if (wrong !== undefined) survived++
    console.log(
      `${wrong === undefined ? 'noticed ' : 'SURVIVED'} ${mutation.invariant.padStart(2)} ${mutation.breaks}${wrong === undefined ? '' : ` (${mutation.file}: ${wrong})`}`,
    )
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${mutations.length - survived} noticed, ${survived} survived`)
process.exitCode = survived > 0 || mutations.length === 0 ? 1 : 0
