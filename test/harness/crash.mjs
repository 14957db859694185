// @ts-check
// Kills the broker again and again while many exchanges are under way, at each step that an issuance and the sweeper have,
// and asks the one that comes back whether every promise was kept.
//
//   npm run crash -- [--kills N] [--outages N] [--store embedded|redis] [--json]
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { endAll, exitOnSignals, isRunning, sleep, until } from './kit/processes.mjs'
import { runOutages } from './outage.mjs'
import { auditLives, capFaults, leftOvers, lifeOf } from './parts/audit.mjs'
import { startLoad, WINDOW_REPOSITORY } from './parts/load.mjs'
import { createTrail } from './parts/trail.mjs'
import { createWorld } from './parts/world.mjs'

/** @typedef {import('./marked/marks.mjs').Step} Step */
/** @typedef {import('./parts/world.mjs').World} World */

/**
 * @typedef {object} CrashReport
 * @property {'embedded' | 'redis'} store
 * @property {number} kills
 * @property {Readonly<Record<string, number>>} lastSteps how often each step was the last one
 * @property {number} leastInFlight
 * @property {{ windowTasks: number, issued: number, voided: number, tasks: number, completions: number, repeated: number }} seen
 * @property {readonly string[]} faults
 */

/** Of an issuance: killed on the way. Of the sweeper: killed while it works. `random`: whenever it is. */
const ISSUING = /** @type {const} */ (['received', 'recording', 'recorded', 'signed', 'sent', 'confirmed'])
const SWEEPING = /** @type {const} */ (['taken', 'voided', 'lapsed', 'expired'])
/** @type {readonly (Step | 'random')[]} */
const PLAN = [...ISSUING, 'random', ...SWEEPING, ...ISSUING]
/** The last step may be any: where so many kills are made, each has its share. */
const LEAST_OF_EACH = 5

const CONNECTIONS = 24
const LEAST_IN_FLIGHT = 16
/** More than a credential has to be confirmed in, and than the sweeper keeps a deadline for itself: seconds. */
const BETWEEN_LIVES = 45
const WINDOW_TASKS = 5
/** It outlives its life and expires in one of the next. */
const WINDOW_SECONDS = 60
const KILLED_WITHIN_MS = 3000

/**
 * @param {{ store: 'embedded' | 'redis', kills: number, onKill?: (done: number) => void }} options
 * @returns {Promise<CrashReport>}
 */
export async function runCrashes({ store, kills, onKill = () => undefined }) {
  const world = await createWorld(store)
  const trail = createTrail()
  /** @type {Map<string, number>} */
  const windows = new Map()
  /** @type {Map<string, number>} */
  const lastSteps = new Map()
  /** @type {string[]} */
  const faults = []
  /** @type {import('./parts/audit.mjs').Life[]} those that were not audited yet */
  let lives = []
  let [done, leastInFlight, completions, repeated] = [0, Number.POSITIVE_INFINITY, 0, 0]

  for (let at = 0; done < kills && faults.length === 0; at++) {
    const step = PLAN[at % PLAN.length] ?? 'random'
    const isOfSweeper = SWEEPING.some((name) => name === step)
    if (!isOfSweeper) world.advance(BETWEEN_LIVES)
    await world.broker.start()
    if (!isOfSweeper) {
      faults.push(...(await auditLives(world, trail, lives)))
      lives = []
    }
    const window = await openWindow(world)
    windows.set(window, WINDOW_TASKS)
    const load = startLoad(world, { connections: CONNECTIONS, window })
    await die(world, load, step)
    await load.over
    const inFlight = load.unanswered()
    faults.push(...load.faults)
    const marks = world.takeMarks()
    const life = lifeOf(load, marks)
    lives.push(life)
    completions += life.completions.length
    repeated += life.attempts.filter(({ outcome }) => outcome === 'unknown').length
    // With too few under way it was no kill under load.
    if (inFlight < LEAST_IN_FLIGHT) continue
    leastInFlight = Math.min(leastInFlight, inFlight)
    const last = marks.findLast(({ step: name }) => name !== 'turned')?.step ?? 'none'
    lastSteps.set(last, (lastSteps.get(last) ?? 0) + 1)
    done += 1
    onKill(done)
  }

  if (faults.length === 0) {
    world.advance(BETWEEN_LIVES)
    await world.broker.start()
    faults.push(...(await auditLives(world, trail, lives)), ...capFaults(trail, windows))
    world.advance(40 * 86_400)
    world.order({ advance: 40 * 86_400 })
    faults.push(...(await leftOvers(world, trail)), ...trail.faults)
  }
  await world.stop()
  const windowTasks = [...trail.opened.values()].filter(({ grant_id: id }) => windows.has(id ?? '')).length
  const seen = {
    windowTasks,
    issued: trail.issued.size,
    voided: trail.voided.size,
    tasks: trail.opened.size,
    completions,
    repeated,
  }
  return { store, kills: done, lastSteps: Object.fromEntries(lastSteps), leastInFlight, seen, faults }
}

/**
 * @param {World} world
 * @param {import('./parts/load.mjs').Load} load
 * @param {Step | 'random'} step
 */
async function die(world, load, step) {
  const child = world.broker.child()
  const exited = once(child, 'exit')
  await until(() => Promise.resolve(load.attempts.length > CONNECTIONS || !isRunning(child)), 'the load is under way')
  if (step === 'random') {
    await sleep(randomInt(20, 300))
    child.kill('SIGKILL')
  } else {
    world.order({ kill: { step, after: afterHowMany(step) } })
    if (SWEEPING.some((name) => name === step)) {
      world.advance(BETWEEN_LIVES)
      world.order({ advance: BETWEEN_LIVES })
    }
    // Perhaps nothing reached the step: then it is a kill at some other one.
    await Promise.race([exited, sleep(KILLED_WITHIN_MS)])
    if (isRunning(child)) child.kill('SIGKILL')
  }
  await exited
}

/** @param {Step} step */
function afterHowMany(step) {
  if (step === 'expired') return 1
  return SWEEPING.some((name) => name === step) ? randomInt(1, 6) : randomInt(1, 80)
}

/**
 * A standing window that people have approved, for a few tasks.
 * @param {World} world
 * @returns {Promise<string>} the grant's id
 */
async function openWindow(world) {
  const asked = await world.call('POST', '/grants', world.person('bob', 'platform'), {
    delegate: { issuer: world.ci.url, subject: '*', claims: { repository_id: WINDOW_REPOSITORY } },
    task: { max_tasks: WINDOW_TASKS },
    access: [{ audience: 'https://deploy.example.com', scope: 'deploy:production' }],
    credential: { types: ['jwt', 'x509'] },
    duration_seconds: WINDOW_SECONDS,
    purpose: 'a window for a few runs',
  })
  const { id, digest } = asked.body
  const path = `/grants/${String(id)}/reviews`
  const reviewed = await world.call('POST', path, world.person('ann', 'platform'), { decision: 'approve', digest })
  if (reviewed.body['status'] !== 'active')
    throw new Error(`no window: ${JSON.stringify(asked.body)} ${JSON.stringify(reviewed.body)}`)
  return String(id)
}

/** @param {CrashReport} report */
export function stepFaults({ lastSteps }) {
  const missed = [...ISSUING, ...SWEEPING].filter((step) => (lastSteps[step] ?? 0) < LEAST_OF_EACH)
  return missed.map((step) => `the last step was ${step} only ${String(lastSteps[step] ?? 0)} times`)
}

async function main() {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '300' },
      outages: { type: 'string', default: '20' },
      store: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  exitOnSignals()
  const reports = []
  const faults = []
  for (const store of /** @type {const} */ (['embedded', 'redis'])) {
    if (values.store !== undefined && values.store !== store) continue
    const kills = Number(values.kills)
    const onKill = (/** @type {number} */ done) => {
      if (done % 25 === 0) process.stderr.write(`${store}: ${String(done)} kills\n`)
    }
    const report = await runCrashes({ store, kills, onKill })
    faults.push(...report.faults, ...(kills >= 100 ? stepFaults(report) : []))
    reports.push(report)
  }
  if (values.store !== 'embedded' && Number(values.outages) > 0) {
    const report = await runOutages({ outages: Number(values.outages) })
    faults.push(...report.faults)
    reports.push(report)
  }
  process.stdout.write(`${JSON.stringify(reports, null, values.json ? 0 : 2)}\n`)
  for (const fault of faults.slice(0, 50)) process.stderr.write(`WRONG  ${fault}\n`)
  endAll()
  return faults.length === 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main()
