// @ts-check
// Is anything to be done before a command can run? A stamp describes what a step was made from; a step whose stamp is
// still the same is not repeated.
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** @typedef {{ path: string, size: number, mtimeMs: number }} FileFact */
/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }} LockedPackage */
/** @typedef {{ packages?: Record<string, LockedPackage> }} LockFile */

/** @param {string} text */
export const digest = (text) => createHash('sha256').update(text).digest('hex')

/**
 * @param {string} lockText
 * @param {{ platform: string, arch: string }} machine packages hold native parts
 */
export const installStamp = (lockText, { platform, arch }) => digest(JSON.stringify([platform, arch, lockText]))

/**
 * @param {readonly FileFact[]} files
 * @param {string} tools what else the output depends on
 */
export function sourceStamp(files, tools) {
  const lines = files.map(({ path, size, mtimeMs }) => `${path} ${String(size)} ${String(mtimeMs)}`)
  return digest(JSON.stringify([tools, ...lines.sort()]))
}

/**
 * A missing stamp is never fresh: it is removed before a step begins and written when the step has succeeded.
 * @param {string | undefined} recorded
 * @param {string} wanted
 */
export const isFresh = (recorded, wanted) => recorded !== undefined && recorded.trim() === wanted

/**
 * Does what npm says it installed equal what the lock file asks for? Then there is nothing to install, whoever did it.
 * @param {LockFile | undefined} locked package-lock.json
 * @param {LockFile | undefined} installed node_modules/.package-lock.json
 */
export function isInstalled(locked, installed) {
  const wanted = locked?.packages
  const present = installed?.packages
  if (!wanted || !present) return false
  const same = (/** @type {LockedPackage | undefined} */ a, /** @type {LockedPackage | undefined} */ b) =>
    a?.version === b?.version && a?.integrity === b?.integrity
  const missing = Object.entries(wanted).some(
    ([path, entry]) =>
      path !== '' && !same(entry, present[path]) && !(present[path] === undefined && isOptional(entry)),
  )
  // A platform that the lock file does not know has optional packages of its own.
  return (
    !missing &&
    Object.entries(present).every(([path, entry]) =>
      wanted[path] === undefined ? isOptional(entry) : same(entry, wanted[path]),
    )
  )
}

/** @param {LockedPackage} entry */
const isOptional = (entry) => entry.optional === true || entry.devOptional === true

/**
 * @param {string} folder
 * @returns {FileFact[]}
 */
export function filesUnder(folder) {
  /** @type {import('node:fs').Dirent[]} */
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map(fileFact)
}

/**
 * @param {string} path
 * @returns {FileFact}
 */
function fileFact(path) {
  const { size, mtimeMs } = statSync(path)
  return { path, size, mtimeMs }
}
