import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { at, cache } from '../../../config/tooling/paths.mjs'

const library = (name: string) => `import * as library from '${name}'\nexport const used = library\n`
const ours = (path: string) => `import * as other from '${path}'\nexport const used = other\n`

const homes = [
  ['jose', 'home-of-jose'],
  ['lmdb', 'home-of-lmdb'],
  ['express', 'home-of-express-express-serve-static-core-helmet'],
  ['helmet', 'home-of-express-express-serve-static-core-helmet'],
  ['ipaddr.js', 'home-of-ipaddr.js'],
  ['node-forge', 'home-of-node-forge'],
  ['pino', 'home-of-pino-prom-client'],
  ['prom-client', 'home-of-pino-prom-client'],
  ['zod', 'home-of-zod'],
  ['yaml', 'home-of-yaml'],
  ['commander', 'home-of-commander'],
  ['ajv-formats', 'home-of-ajv-ajv-formats'],
  ['canonicalize', 'home-of-canonicalize'],
] as const

/** A source tree in which each file breaks the rules beside it, and no other. */
const files: readonly (readonly [path: string, text: string, rules: readonly string[]])[] = [
  ['src/main.ts', ours('./grants/fine.js'), []],
  ['src/compose.ts', ours('./storage/redis/fine.js'), ['one-place-picks-adapters']],
  ['src/compose/open-stores.ts', ours('../storage/redis/fine.js'), []],
  ['src/grants/composed.ts', ours('../compose/open-stores.js'), ['core-knows-no-outside']],
  ['src/storage/composed.ts', ours('../compose/pki.js'), ['config-is-read-by-those-who-compose']],
  ['src/compose/pki.ts', ours('../grants/fine.js'), []],
  ['src/http/composed.ts', ours('../compose/pki.js'), ['edges-are-composed']],
  ['src/grants/fine.ts', library('zod'), []],
  ['src/grants/keeps.ts', ours('../storage/redis/fine.js'), ['core-knows-no-outside', 'one-place-picks-adapters']],
  ['src/grants/configured.ts', ours('../config/fine.js'), ['core-knows-no-outside']],
  ['src/grants/shown.ts', ours('../http/fine.js'), ['core-knows-no-outside']],
  ['src/grants/types.ts', "import type { Redis } from 'ioredis'\nexport type R = Redis\n", ['home-of-ioredis']],
  ['src/exchange/fine.ts', ours('../grants/fine.js'), []],
  ['src/revocation/exchanges.ts', ours('../exchange/fine.js'), ['exchange-is-the-last']],
  ['src/oauth/not-alone.ts', ours('../grants/fine.js'), ['oauth-stands-alone']],
  ['src/x509/fine.ts', library('node-forge'), []],
  ['src/x509/not-alone.ts', ours('../grants/fine.js'), ['x509-stands-alone']],
  ['src/runtime/not-alone.ts', ours('../grants/fine.js'), ['runtime-stands-alone']],
  ['src/runtime/other.ts', library('ajv'), ['home-of-ajv-ajv-formats']],
  ['src/runtime/json-schema.ts', library('ajv'), []],
  ['src/runtime/jcs.ts', library('canonicalize'), []],
  ['src/http/fine.ts', library('express'), []],
  ['src/http/other-face.ts', ours('../console/fine.js'), ['http-is-an-edge']],
  ['src/cli/other-face.ts', ours('../http/fine.js'), ['cli-is-an-edge']],
  ['src/console/fine.ts', library('helmet'), []],
  ['src/config/fine.ts', library('yaml'), []],
  ['src/storage/redis/fine.ts', library('ioredis'), []],
  ['src/storage/embedded/fine.ts', library('lmdb'), []],
  ['src/storage/embedded/other.ts', ours('../redis/fine.js'), ['adapters-are-apart']],
  ['src/storage/configured.ts', ours('../config/fine.js'), ['config-is-read-by-those-who-compose']],
  ['src/policy/a.ts', ours('./b.js'), ['no-cycles']],
  // A cycle is told once, where it was found first.
  ['src/policy/b.ts', ours('./a.js'), []],
  ['src/policy/lonely.ts', 'export const lonely = 1\n', ['no-orphans']],
  ['src/policy/nowhere.ts', ours('./nowhere-else.js'), ['resolvable']],
  ['src/policy/development.ts', library('fast-check'), ['no-development-packages']],
  ...homes.map(([name, rule]) => [`src/exchange/uses-${name}.ts`, library(name), [rule]] as const),
]

describe('the dependency rules', () => {
  let folder: string
  const broken = new Map<string, Set<string>>()

  beforeAll(async () => {
    mkdirSync(cache, { recursive: true })
    folder = mkdtempSync(join(cache, 'rules-'))
    for (const name of ['package.json', 'tsconfig.json']) copyFileSync(at(name), join(folder, name))
    for (const [path, text] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const cruise = at('node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
    const rules = at('config/tooling/dependency-cruiser.mjs')
    const args = [cruise, '--config', rules, '--output-type', 'json', 'src']
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 26 })
    const report = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } }
    for (const { from, rule } of report.summary.violations) {
      broken.set(from, (broken.get(from) ?? new Set()).add(rule.name))
    }
  })

  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test.each(files)('%s', (path, _text, rules) => {
    expect([...(broken.get(path) ?? [])].sort()).toEqual([...rules])
  })
})
