// @ts-check
// What has to be there before a command runs: the packages of the lock file, and dist. Nothing is done twice.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, STAMP_NAME } from './build.mjs'
import { exitCodeOf, run } from './launch.mjs'
import { withLock } from './lock.mjs'
import { at, cache } from './paths.mjs'
import { digest, filesUnder, installStamp, isFresh, isInstalled, sourceStamp } from './stamps.mjs'

const INSTALL_STAMP = at('node_modules', '.errand-stamp')
const BUILD_STAMP = at('dist', STAMP_NAME)
const LOCK = join(cache, 'lock')

/** A step of the set-up failed, and said why. */
export class SetupError extends Error {}

/**
 * @param {{ needsBuild: boolean }} what
 * @returns {Promise<void>}
 */
export async function setUp({ needsBuild }) {
  if (installIsFresh() && (!needsBuild || buildIsFresh())) return
  const onWait = (/** @type {{ pid: number }} */ { pid }) => {
    say(`waiting for the set-up of process ${String(pid)}`)
  }
  await withLock(
    LOCK,
    async () => {
      if (!installIsFresh()) await install()
      if (needsBuild && !buildIsFresh()) await buildAll()
    },
    { onWait },
  )
}

const installIsFresh = () => isFresh(readText(INSTALL_STAMP), wantedInstall())
const buildIsFresh = () => isFresh(readText(BUILD_STAMP), wantedBuild())

/** @type {string | undefined} read once: a run works with the lock file that it found */
let lockStamp
function wantedInstall() {
  lockStamp ??= installStamp(readFileSync(at('package-lock.json'), 'utf8'), process)
  return lockStamp
}

function wantedBuild() {
  const tools = ['tsconfig.json', 'config/tooling/build.mjs'].map((path) => readFileSync(at(path), 'utf8'))
  return sourceStamp(filesUnder(at('src')), digest(JSON.stringify([wantedInstall(), ...tools])))
}

async function install() {
  const wanted = wantedInstall()
  const isComplete = () =>
    isInstalled(readJson(at('package-lock.json')), readJson(at('node_modules', '.package-lock.json')))
  rmSync(INSTALL_STAMP, { force: true })
  if (!isComplete()) {
    say('installing the packages of package-lock.json')
    const [command, first] = npm()
    // Not `npm ci`: newer ones refuse a lock file without every optional package of every platform, and a registry need
    // not have them all. This one takes the locked versions too, never writes the lock file, and is checked below.
    const args = ['install', '--no-save', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    // Development packages as well, whatever NODE_ENV says: the build needs them.
    const ending = await run(command, [...first, ...args, '--include=dev', '--include=optional'], {
      stdio: ['ignore', 2, 2],
    })
    if (exitCodeOf(ending) !== 0) throw new SetupError('the packages could not be installed (npm install)')
    if (!isComplete()) throw new SetupError('package-lock.json does not fit package.json: npm install, and commit both')
  }
  writeFileSync(INSTALL_STAMP, `${wanted}\n`)
}

async function buildAll() {
  // Taken before tsc reads the files: what changes meanwhile is built next time.
  const wanted = wantedBuild()
  say('building')
  rmSync(BUILD_STAMP, { force: true })
  if (!(await build())) throw new SetupError('the sources could not be built (tsc)')
  mkdirSync(at('dist'), { recursive: true })
  writeFileSync(BUILD_STAMP, `${wanted}\n`)
}

/** @returns {[string, string[]]} the npm that started us, if one did */
function npm() {
  const path = process.env['npm_execpath']
  return path?.endsWith('npm-cli.js') ? [process.execPath, [path]] : ['npm', []]
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** @param {string} text */
const say = (text) => {
  process.stderr.write(`errand: ${text}\n`)
}
