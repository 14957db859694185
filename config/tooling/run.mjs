// @ts-check
// Every npm script comes through here. It sets up what the command needs, does nothing when nothing has changed, and
// then runs the command with its output, its signals and its exit code unchanged. It needs no package.
import { existsSync } from 'node:fs'
import { exitCodeOf, launch } from './launch.mjs'
import { at } from './paths.mjs'
import { finalLine, sumOf } from './results.mjs'
import { SetupError, setUp } from './setup.mjs'

/**
 * @typedef {object} Command
 * @property {string} about
 * @property {boolean} [build] needs dist
 * @property {boolean} [redis] needs redis-server
 * @property {boolean} [programs] needs all that the tests start
 * @property {readonly string[]} [program] arguments for node; those of the caller follow
 * @property {(args: readonly string[]) => Promise<number>} [run] in place of a program
 */

/** @type {Record<string, Command>} */
const commands = {
  start: { about: 'run the broker', build: true, program: ['dist/cli/main.js', 'serve'] },
  demo: { about: 'one errand from start to end, on this machine', build: true, program: ['dist/cli/main.js', 'demo'] },
  build: { about: 'compile src into dist', build: true, run: () => Promise.resolve(0) },
  test: { about: 'everything: static checks, then all tests', run: testAll },
  'test:unit': { about: 'the tests that need no service, or the files given', run: testUnit },
  'test:file': { about: 'any tests by path, with what they may need', build: true, programs: true, run: testFiles },
  check: { about: 'the build and the static checks', run: check },
  lint: { about: 'the linter alone; --fix repairs', run: lint },
  format: { about: 'format everything', run: format },
  bench: { about: 'throughput of an exchange', build: true, redis: true, program: ['test/bench/exchange.mjs'] },
  'bench:scale': {
    about: 'cost against number of grants',
    build: true,
    redis: true,
    program: ['test/bench/scale.mjs'],
  },
  'bench:certificate': {
    about: 'from a request to a certificate',
    build: true,
    program: ['test/bench/certificate.mjs'],
  },
  'bench:crl': { about: 'one more revocation, among few and many', build: true, program: ['test/bench/crl.mjs'] },
  crash: { about: 'kill the broker again and again', build: true, redis: true, program: ['test/harness/crash.mjs'] },
  fuzz: { about: 'spoilt requests and certificates', build: true, program: ['test/fuzz/run.mjs'] },
  mutations: {
    about: 'do the tests notice a broken source?',
    build: true,
    programs: true,
    program: ['test/mutations/run.mjs'],
  },
  docs: { about: 'write the generated documents; --check compares', build: true, program: ['config/tooling/docs.mjs'] },
}

const print = (/** @type {string} */ text) => {
  process.stdout.write(text)
}

/** @param {import('./results.mjs').Tally} tally */
function conclude(tally) {
  print(`${finalLine(tally)}\n`)
  return tally.failed === 0 ? 0 : 1
}

/** @param {readonly string[]} args */
async function testAll(args) {
  if (args.length > 0) return usage('npm test runs everything; for a part of it: npm run test:unit -- PATH')
  /** @type {import('./results.mjs').Tally[]} */
  const tallies = []
  try {
    await setUp({ needsBuild: false })
    await (await import('./services.mjs')).ensurePrograms()
    tallies.push(await built())
    tallies.push(await (await import('./checks.mjs')).runChecks(print))
    tallies.push(await (await import('./jest-run.mjs')).runJest([]))
  } catch (error) {
    report(error)
    tallies.push({ passed: 0, failed: 1 })
  }
  return conclude(sumOf(tallies))
}

/** A build that fails is one failure among the others: the checks and the tests still have something to say. */
async function built() {
  try {
    await setUp({ needsBuild: true })
    print('ok      build\n')
    return { passed: 1, failed: 0 }
  } catch (error) {
    report(error)
    print('FAILED  build\n')
    return { passed: 0, failed: 1 }
  }
}

/** @param {readonly string[]} args */
async function testUnit(args) {
  const { runJest } = await import('./jest-run.mjs')
  const hasPath = args.some((arg) => !arg.startsWith('-'))
  return conclude(await runJest(hasPath ? args : ['test/unit/', ...args]))
}

/** @param {readonly string[]} args */
async function testFiles(args) {
  if (args.length === 0) return usage('which? npm run test:file -- test/integration/…')
  const { runJest } = await import('./jest-run.mjs')
  return conclude(await runJest(args))
}

async function check() {
  const { runChecks } = await import('./checks.mjs')
  return conclude(sumOf([await built(), await runChecks(print)]))
}

/** @param {readonly string[]} args */
async function lint(args) {
  const { eslint } = await import('./checks.mjs')
  return exitCodeOf(await launch([...eslint, ...args, ...(args.some((arg) => !arg.startsWith('-')) ? [] : ['.'])]))
}

/** @param {readonly string[]} args */
async function format(args) {
  const { prettier } = await import('./checks.mjs')
  return exitCodeOf(await launch([...prettier, '--write', '--log-level', 'warn', ...(args.length > 0 ? args : ['.'])]))
}

/**
 * @param {Command} command
 * @param {readonly string[]} args
 */
async function execute({ build = false, redis = false, programs = false, program, run }, args) {
  // `test` counts its own set-up among its results.
  if (run !== testAll) await setUp({ needsBuild: build })
  if (redis) await (await import('./services.mjs')).ensureRedis()
  if (programs) await (await import('./services.mjs')).ensurePrograms()
  if (run) return run(args)
  const [file = '', ...rest] = program ?? []
  if (!existsSync(at(file))) throw new SetupError(`${file} is not there`)
  return exitCodeOf(await launch([at(file), ...rest, ...args]))
}

/** @param {unknown} error */
function report(error) {
  const text =
    error instanceof SetupError ? error.message : error instanceof Error ? (error.stack ?? '') : String(error)
  process.stderr.write(`errand: ${text}\n`)
}

/** @param {string} text */
function usage(text) {
  process.stderr.write(`${text}\n`)
  return 2
}

const [name = '', ...args] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (command) {
  try {
    process.exitCode = await execute(command, args)
  } catch (error) {
    report(error)
    process.exitCode = 1
  }
} else {
  const list = Object.entries(commands).map(([key, { about }]) => `  npm run ${key.padEnd(12)} ${about}`)
  process.exitCode = usage(['commands:', ...list].join('\n'))
}
