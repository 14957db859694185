// @ts-check
// Whole exchanges (a unique ES256 assertion in, a rule, the store, evidence, an ES256 token out) against (a) the signatures
// alone and (b) oidc-provider, in one run, each in its own process. docs/performance.md says what the figures mean.
//
//   npm run bench -- [--quick] [--json] [--rows TEXT] [--rounds N] [--seconds N] [--profile DIRECTORY]
//                   [--flag=--a-flag-of-node]
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals } from '../harness/kit/processes.mjs'
import { enterField } from './parts/contenders.mjs'
import { renderProfile } from './parts/profile.mjs'
import { goalsOf, linesOf, renderText } from './parts/report.mjs'
import { measureRounds } from './parts/rounds.mjs'
import { median } from './parts/statistics.mjs'

/** @typedef {import('./parts/rounds.mjs').Row} Row */

const STORES = /** @type {const} */ (['embedded', 'redis-everysec', 'redis-strict'])
const CONNECTIONS = [16, 64]

/** @type {readonly Row[]} */
const ROWS = [
  ...STORES.flatMap((on) =>
    CONNECTIONS.map((connections) => ({
      name: `${on} x${String(connections)}`,
      on,
      kind: /** @type {const} */ ('fresh'),
      connections,
    })),
  ),
  ...CONNECTIONS.map((connections) => ({
    name: `oidc-provider x${String(connections)}`,
    on: /** @type {const} */ ('peer'),
    kind: /** @type {const} */ ('peer'),
    connections,
  })),
  ...STORES.flatMap((on) =>
    CONNECTIONS.map((connections) => ({
      name: `${on} x${String(connections)}, renewing`,
      on,
      kind: /** @type {const} */ ('renew'),
      connections,
    })),
  ),
  ...STORES.map((on) => ({
    name: `${on} x16, certificates`,
    on,
    kind: /** @type {const} */ ('certify'),
    connections: 16,
  })),
]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rows: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    profile: { type: 'string' },
    flag: { type: 'string', multiple: true },
  },
})

/** A whole name means that row alone, a part of a name all that have it. */
const isWanted = (/** @type {Row} */ row) => {
  if (values.rows === undefined) return !values.quick || (row.kind !== 'renew' && row.kind !== 'certify')
  return values.rows.some((text) =>
    ROWS.some(({ name }) => name === text) ? row.name === text : row.name.includes(text),
  )
}

exitOnSignals()
process.exitCode = await bench()

async function bench() {
  const rows = ROWS.filter(isWanted)
  const profiles = values.profile === undefined ? undefined : resolve(values.profile)
  if (profiles !== undefined) {
    rmSync(profiles, { recursive: true, force: true })
    mkdirSync(profiles, { recursive: true })
  }
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  const ms = Number(values.seconds ?? (values.quick ? 2 : 4)) * 1000
  const field = await enterField({
    stores: STORES.filter((store) => rows.some(({ on }) => on === store)),
    hasPeer: rows.some(({ on }) => on === 'peer'),
    profiles,
    flags: values.flag ?? [],
  })
  const done = await measureRounds(field, rows, {
    ms,
    warmUpMs: Math.min(ms, 2000),
    rounds,
    profiled: profiles !== undefined,
    onRound,
  })
  const faults = [...done.faults, ...(await evidenceFaults(field, done.exchanges))]
  await field.stop()

  const result = linesOf(rows, done.rounds)
  const goals = goalsOf(rows, result.lines)
  if (values.json) print(JSON.stringify({ node: process.version, ...result, goals, faults, rounds: rounds }, null, 2))
  else print(renderText(result, goals))
  if (profiles !== undefined) printProfiles(profiles, rows, result.lines)
  if (!values.json)
    print(
      `${String(done.verified)} credentials verified by jose and node:crypto; the evidence was counted on ${String(field.contenders.length)} stores`,
    )
  for (const fault of faults) process.stderr.write(`WRONG  ${fault}\n`)
  return faults.length === 0 ? 0 : 1
}

/**
 * No credential without its evidence, and no evidence without a credential.
 * @param {import('./parts/contenders.mjs').Field} field
 * @param {ReadonlyMap<string, number>} exchanges
 */
async function evidenceFaults({ contenders }, exchanges) {
  const faults = []
  for (const { store, issued } of contenders) {
    const [known, answered] = [await issued(), exchanges.get(store) ?? 0]
    if (known !== answered) faults.push(`${store}: ${String(answered)} exchanges, ${String(known)} in the evidence`)
  }
  return faults
}

/**
 * A profile for each store; its rows should be alike.
 * @param {string} directory
 * @param {readonly Row[]} rows
 * @param {readonly import('./parts/report.mjs').Line[]} lines
 */
function printProfiles(directory, rows, lines) {
  for (const store of STORES) {
    const files = readdirSync(directory).filter((name) => name.startsWith(`${store}.`))
    if (files.length === 0) continue
    const names = rows.filter(({ on }) => on === store).map(({ name }) => name)
    const cpu = median(lines.filter(({ name }) => names.includes(name)).map(({ mainCpu }) => mainCpu))
    print(
      `\n== ${names.join(', ')} ==\n${renderProfile(
        files.map((name) => join(directory, name)),
        cpu,
      )}`,
    )
  }
}

function onRound(/** @type {number} */ round) {
  if (!values.json) process.stderr.write(`round ${String(round)}\n`)
}

function print(/** @type {string} */ text) {
  process.stdout.write(`${text}\n`)
}
