// @ts-check
// The tests start and stop servers and tools of others themselves: Redis as the store, nginx as a resource server, openssl,
// certtool and curl as second opinions. They only have to be installed.
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

/** Program to its package in Debian. */
const REDIS = new Map([['redis-server', 'redis-server']])
const PROGRAMS = new Map([
  ...REDIS,
  ['nginx', 'nginx-light'],
  ['certtool', 'gnutls-bin'],
  ['openssl', 'openssl'],
  ['curl', 'curl'],
])

/** What the store alone needs. */
export const ensureRedis = () => ensure(REDIS)
/** All that the tests need. */
export const ensurePrograms = () => ensure(PROGRAMS)

/**
 * Installs what is missing where we may: as root, on a Debian system.
 * @param {ReadonlyMap<string, string>} programs
 * @returns {Promise<void>}
 */
async function ensure(programs) {
  const missing = () => [...programs].filter(([program]) => !isThere(program, process.env['PATH']))
  if (missing().length === 0) return
  const packages = missing().map(([, name]) => name)
  const names = packages.join(' ')
  const fault = `${names} ${packages.length > 1 ? 'are' : 'is'} not installed: install (Debian: apt-get install ${names}) and try again`
  if (process.getuid?.() !== 0 || !isThere('apt-get', process.env['PATH'])) throw new SetupError(fault)
  process.stderr.write(`errand: installing ${names}\n`)
  const install = ['install', '--yes', '--no-install-recommends', ...packages]
  await withoutServices(async () => {
    if (await apt(install)) return
    if (await apt(['update'])) await apt(install)
  })
  if (missing().length > 0) throw new SetupError(fault)
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
