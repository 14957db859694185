// @ts-check
// What the rounds say: medians of the ratios within each round, and the goals.
import { median } from './statistics.mjs'

/** @typedef {import('./rounds.mjs').Row} Row */
/** @typedef {import('./rounds.mjs').Round} Round */
/** @typedef {import('./rounds.mjs').Sample} Sample */

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {number} perSecond
 * @property {number} p50
 * @property {number} p99
 * @property {number} brokerCpu microseconds of each exchange
 * @property {number} mainCpu of it in the main thread
 * @property {number} redisCpu
 * @property {number} memory bytes of its own, the most
 * @property {number} toLimit throughput over that of (a)
 * @property {number} cpuToLimit CPU of an exchange over that of verify + sign
 * @property {number | undefined} toPeer throughput over that of (b) at as many connections
 * @property {number | undefined} p99ToPeer
 */

/** @typedef {{ goal: string, wanted: string, measured: number, met: boolean }} Goal */

/**
 * @param {readonly Row[]} rows
 * @param {readonly Round[]} rounds
 * @returns {{ limit: { perSecond: number, cpu: number }, lines: readonly Line[] }}
 */
export function linesOf(rows, rounds) {
  const lines = rows.map((row) => {
    const samples = rounds.map((round) => sampleOf(round, row.name))
    const ofSamples = (/** @type {(sample: Sample) => number} */ pick) => median(samples.map(pick))
    const ratio = (/** @type {(sample: Sample, round: Round) => number} */ pick) =>
      median(rounds.map((round) => pick(sampleOf(round, row.name), round)))
    const peer = peerOf(rows, row)
    return {
      name: row.name,
      perSecond: ofSamples(({ perSecond }) => perSecond),
      p50: ofSamples(({ p50 }) => p50),
      p99: ofSamples(({ p99 }) => p99),
      mainCpu: ofSamples(({ mainCpu }) => mainCpu),
      brokerCpu: ofSamples(({ brokerCpu }) => brokerCpu),
      redisCpu: ofSamples(({ redisCpu }) => redisCpu),
      memory: Math.max(...samples.map(({ memory }) => memory)),
      toLimit: ratio(({ perSecond }, { limit }) => perSecond / limit.perSecond),
      cpuToLimit: ratio(({ brokerCpu }, { limit }) => brokerCpu / limit.cpu),
      toPeer:
        peer === undefined ? undefined : ratio(({ perSecond }, round) => perSecond / sampleOf(round, peer).perSecond),
      p99ToPeer: peer === undefined ? undefined : ratio(({ p99 }, round) => p99 / sampleOf(round, peer).p99),
    }
  })
  const limit = {
    perSecond: median(rounds.map((round) => round.limit.perSecond)),
    cpu: median(rounds.map((round) => round.limit.cpu)),
  }
  return { limit, lines }
}

/**
 * @param {Round} round
 * @param {string} name
 * @returns {Sample}
 */
function sampleOf({ samples }, name) {
  const sample = samples.get(name)
  if (sample === undefined) throw new Error(`no sample of ${name}`)
  return sample
}

/**
 * @param {readonly Row[]} rows
 * @param {Row} row
 * @returns {string | undefined} the row of the peer under the same load
 */
function peerOf(rows, { on, connections }) {
  if (on === 'peer') return undefined
  return rows.find((other) => other.on === 'peer' && other.connections === connections)?.name
}

const LIMIT_GOAL = 0.6
const PEER_GOAL = 3
const P99_GOAL = 0.6
const CPU_GOAL = 2.4

/**
 * Goals are for the hardest case, a new run for each exchange; strict durability has none of its own.
 * @param {readonly Row[]} rows
 * @param {readonly Line[]} lines
 * @returns {readonly Goal[]}
 */
export function goalsOf(rows, lines) {
  return rows.flatMap((row) => {
    const line = lines.find(({ name }) => name === row.name)
    if (line === undefined || row.kind !== 'fresh' || row.on === 'redis-strict') return []
    const goals = [atLeast(`${row.name}: throughput over (a)`, LIMIT_GOAL, line.toLimit)]
    if (row.connections !== 16) return goals
    if (line.toPeer !== undefined) goals.push(atLeast(`${row.name}: throughput over (b)`, PEER_GOAL, line.toPeer))
    if (line.p99ToPeer !== undefined) goals.push(atMost(`${row.name}: p99 over (b)`, P99_GOAL, line.p99ToPeer))
    return [...goals, atMost(`${row.name}: broker CPU over verify + sign`, CPU_GOAL, line.cpuToLimit)]
  })
}

/** @returns {Goal} */
const atLeast = (/** @type {string} */ goal, /** @type {number} */ bound, /** @type {number} */ measured) => ({
  goal,
  wanted: `>= ${bound.toFixed(2)}`,
  measured,
  met: measured >= bound,
})

/** @returns {Goal} */
const atMost = (/** @type {string} */ goal, /** @type {number} */ bound, /** @type {number} */ measured) => ({
  goal,
  wanted: `<= ${bound.toFixed(2)}`,
  measured,
  met: measured <= bound,
})

const HEAD = [
  'row',
  'per s',
  'p50 ms',
  'p99 ms',
  'broker µs',
  'main µs',
  'redis µs',
  'MB',
  '/ (a)',
  'CPU/(a)',
  '/ (b)',
  'p99/(b)',
]

/**
 * @param {{ limit: { perSecond: number, cpu: number }, lines: readonly Line[] }} result
 * @param {readonly Goal[]} goals
 * @returns {string}
 */
export function renderText({ limit, lines }, goals) {
  const optional = (/** @type {number | undefined} */ value) => (value === undefined ? '' : value.toFixed(2))
  const table = lines.map((line) => [
    line.name,
    line.perSecond.toFixed(0),
    line.p50.toFixed(2),
    line.p99.toFixed(2),
    line.brokerCpu.toFixed(0),
    line.mainCpu.toFixed(0),
    line.redisCpu === 0 ? '' : line.redisCpu.toFixed(0),
    (line.memory / 1_000_000).toFixed(0),
    line.toLimit.toFixed(2),
    line.cpuToLimit.toFixed(2),
    optional(line.toPeer),
    optional(line.p99ToPeer),
  ])
  const verdicts = goals.map(({ goal, wanted, measured, met }) => [
    goal,
    wanted,
    measured.toFixed(2),
    met ? 'met' : 'missed',
  ])
  return [
    `(a) one verify + one sign, node:crypto, one thread: ${limit.perSecond.toFixed(0)} per s, ${limit.cpu.toFixed(0)} µs of CPU`,
    '(b) oidc-provider, client_credentials with private_key_jwt, ES256 JWT, in memory',
    '',
    align([HEAD, ...table]),
    '',
    align(verdicts),
    '',
  ].join('\n')
}

/**
 * @param {readonly (readonly string[])[]} rows
 * @returns {string} the first column to the left, the others to the right
 */
export function align(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const cell = (/** @type {string} */ text, /** @type {number} */ column) =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}
