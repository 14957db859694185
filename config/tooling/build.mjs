// @ts-check
// tsc, the files that are not TypeScript, and nothing left over from an earlier build.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { exitCodeOf, run } from './launch.mjs'
import { at, cache } from './paths.mjs'
import { filesUnder } from './stamps.mjs'

/** Where the launcher notes in dist what it was built from. */
export const STAMP_NAME = '.build-stamp'

const ASSET = /(?<!\.ts|\.md)$/

/**
 * What belongs in dist, made from these files of src (relative paths): each output with the asset it is a copy of.
 * @param {readonly string[]} sources
 * @returns {Map<string, string | undefined>}
 */
export function outputsOf(sources) {
  /** @type {Map<string, string | undefined>} */
  const outputs = new Map()
  for (const source of sources) {
    if (ASSET.test(source)) outputs.set(source, source)
    else if (source.endsWith('.ts') && !source.endsWith('.d.ts')) {
      const stem = source.slice(0, -'.ts'.length)
      for (const ending of ['.js', '.js.map', '.d.ts']) outputs.set(stem + ending, undefined)
    }
  }
  return outputs
}

/** @returns {Promise<boolean>} whether it built */
export async function build() {
  const [src, dist] = [at('src'), at('dist')]
  const outputs = outputsOf(filesUnder(src).map(({ path }) => relative(src, path)))
  removeStale(dist, outputs)
  const memory = join(cache, 'build.tsbuildinfo')
  // tsc remembers what it wrote, not whether it is still there.
  const complete = [...outputs].every(([output, asset]) => asset !== undefined || existsSync(join(dist, output)))
  if (!complete) rmSync(memory, { force: true })
  const tsc = [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.json')]
  const ending = await run(process.execPath, [...tsc, '--incremental', '--tsBuildInfoFile', memory], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (exitCodeOf(ending) !== 0) return false
  for (const [output, asset] of outputs) {
    if (asset === undefined) continue
    mkdirSync(dirname(join(dist, output)), { recursive: true })
    copyFileSync(join(src, asset), join(dist, output))
  }
  const program = join(dist, 'cli', 'main.js')
  if (existsSync(program)) chmodSync(program, 0o755)
  return true
}

/**
 * @param {string} dist
 * @param {ReadonlyMap<string, unknown>} outputs
 */
function removeStale(dist, outputs) {
  for (const { path } of filesUnder(dist)) {
    if (path === join(dist, STAMP_NAME) || outputs.has(relative(dist, path))) continue
    rmSync(path)
    for (let folder = dirname(path); folder !== dist && readdirSync(folder).length === 0; folder = dirname(folder)) {
      rmdirSync(folder)
    }
  }
}
