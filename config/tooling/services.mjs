// @ts-check
// The one service that the tests need is a Redis server of their own, which they start and stop themselves: it only has
// to be installed.
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { exitCodeOf, run } from './launch.mjs'
import { SetupError } from './setup.mjs'

const POLICY = '/usr/sbin/policy-rc.d'
const PLACES = ['/usr/bin', '/usr/sbin', '/usr/local/bin']

/**
 * @param {string} program
 * @param {string | undefined} path the search path
 * @returns {boolean}
 */
function isThere(program, path) {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...folders, ...PLACES].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Installs redis-server where it is missing and we may: as root, on a Debian system.
 * @returns {Promise<void>}
 */
export async function ensureRedis() {
  const here = () => isThere('redis-server', process.env['PATH'])
  if (here()) return
  const missing = 'redis-server is not installed: install it (Debian: apt-get install redis-server) and try again'
  if (process.getuid?.() !== 0 || !isThere('apt-get', process.env['PATH'])) throw new SetupError(missing)
  process.stderr.write('errand: installing redis-server\n')
  const install = ['install', '--yes', '--no-install-recommends', 'redis-server']
  await withoutServices(async () => {
    if (await apt(install)) return
    if (await apt(['update'])) await apt(install)
  })
  if (!here()) throw new SetupError(missing)
}

/** @param {readonly string[]} args */
async function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const ending = await run('apt-get', ['--quiet', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    stdio: ['ignore', 2, 2],
  })
  return exitCodeOf(ending) === 0
}

/**
 * Debian asks this file before it starts the service of a package; 101 means no. One that is already there is left.
 * @param {() => Promise<void>} work
 */
async function withoutServices(work) {
  if (existsSync(POLICY)) return work()
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' })
  try {
    await work()
  } finally {
    rmSync(POLICY, { force: true })
  }
}
