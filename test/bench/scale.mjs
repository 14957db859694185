// @ts-check
// What it costs to hold many grants: bytes of Redis for each, start-up and memory with a million of them, and sweeping ten
// thousand that are due among them. docs/performance.md says what the figures mean.
//
//   npm run bench:scale -- [--grants N] [--part bytes|start|sweep] [--store embedded|redis] [--json]
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { startBroker } from '../harness/kit/broker.mjs'
import { assertionClaims, exchangeForm, REPOSITORIES } from '../harness/kit/configuration.mjs'
import { startIssuer } from '../harness/kit/issuer.mjs'
import { statOf } from '../harness/kit/proc-stat.mjs'
import { endAll, exitOnSignals, sleep } from '../harness/kit/processes.mjs'
import { startRedis } from '../harness/kit/redis.mjs'
import { composeOn } from './parts/composed.mjs'
import { keepActive, keepReviewed, many, sampleGrant } from './parts/grants.mjs'
import { align } from './parts/report.mjs'
import { median } from './parts/statistics.mjs'

/** @typedef {{ name: string, value: number, unit: string, goal?: number, met?: boolean }} Figure */
/** @typedef {'embedded' | 'redis'} StoreName */

const { values } = parseArgs({
  options: {
    grants: { type: 'string', default: '1000000' },
    part: { type: 'string' },
    store: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const GRANTS = Number(values.grants)
/** A tenth of a million weighs a hundred megabytes: enough to tell bytes for each. */
const WEIGHED = Math.min(GRANTS, 100_000)
const DUE = GRANTS / 100
const STARTS = 5
const DAY = 86_400

const BYTES_GOAL = 900
const START_GOAL = 1.1
const SWEEP_GOAL_SECONDS = 0.5
const CALL_GOAL_MS = 10

/** @type {Figure[]} */
const figures = []

/**
 * @param {string} name
 * @param {number} value
 * @param {string} unit
 * @param {number} [goal] at most
 */
function tell(name, value, unit, goal) {
  figures.push({ name, value, unit, ...(goal === undefined ? {} : { goal, met: value <= goal }) })
  process.stderr.write(`${name}: ${value.toFixed(2)} ${unit}\n`)
}

const wants = (/** @type {string} */ part) => values.part === undefined || values.part === part
const stores = /** @type {const} */ (['redis', 'embedded']).filter(
  (name) => values.store === undefined || values.store === name,
)

const systemNow = () => Math.floor(Date.now() / 1000)

/** A clock that stands still until it is turned. */
function turnable() {
  let at = systemNow()
  return {
    now: () => at,
    nowMs: () => at * 1000,
    turn: (/** @type {number} */ seconds) => {
      at += seconds
    },
  }
}

/**
 * A store with a configuration for it; the broker on it is not started.
 * @param {StoreName} store
 */
async function place(store) {
  const [ci, corp] = [await startIssuer(), await startIssuer()]
  // Default settings, but for snapshots: a fork in the middle would be measured too.
  const redis = store === 'redis' ? await startRedis({}) : undefined
  const broker = await startBroker({
    name: `scale-${store}`,
    ci: ci.url,
    corp: corp.url,
    store: (directory) =>
      redis === undefined ? { url: `embedded:${join(directory, 'data')}` } : { url: redis.url, durability: 'trusted' },
    starts: false,
  })
  return {
    store,
    ci,
    redis,
    broker,
    file: join(broker.directory, 'errand.yaml'),
    client: redis === undefined ? undefined : new Redis(redis.url),
    stop: async () => {
      await broker.stop()
      await redis?.stop()
      ci.stop()
      corp.stop()
    },
  }
}

/** @typedef {Awaited<ReturnType<typeof place>>} Place */

/**
 * @param {Place} at
 * @param {number} grants
 * @param {(index: number, now: number) => number} expiresAt
 * @param {ReturnType<typeof turnable>} clock
 */
async function fill(at, grants, expiresAt, clock) {
  const { broker, safe } = await composeOn(at.file, clock)
  const now = clock.now()
  await many(grants, (index) =>
    keepActive(broker.stores.grants, safe, sampleGrant({ index, now, expiresAt: expiresAt(index, now) }), now),
  )
  return broker
}

async function weigh() {
  const at = await place('redis')
  const clock = turnable()
  const { broker, safe } = await composeOn(at.file, clock)
  const now = clock.now()
  const before = await memoryOf(at)
  await many(WEIGHED, (index) =>
    keepReviewed(
      broker.stores.grants,
      safe,
      sampleGrant({ index, now, expiresAt: now + 30 * DAY + (index % DAY) }),
      now,
    ),
  )
  const after = await memoryOf(at)
  tell(`Redis: each grant, of ${String(WEIGHED)}`, (after - before) / WEIGHED, 'bytes', BYTES_GOAL)
  await broker.stores.close()
  at.client?.disconnect()
  await at.stop()
}

/** @param {Place} at */
async function memoryOf({ client }) {
  const info = (await client?.info('memory')) ?? ''
  return Number(/used_memory:(\d+)/.exec(info)?.[1])
}

/** @param {StoreName} store */
async function startUp(store) {
  const [empty, full] = [await place(store), await place(store)]
  const clock = turnable()
  for (const at of [empty, full]) {
    const broker = await fill(at, at === full ? GRANTS : 0, (index, now) => now + 30 * DAY + (index % DAY), clock)
    await broker.stores.close()
  }
  /** @type {{ ratio: number[], memory: number[], seconds: number[], rss: number[] }} */
  const seen = { ratio: [], memory: [], seconds: [], rss: [] }
  for (let round = 0; round <= STARTS; round++) {
    const [light, heavy] = [await firstExchange(empty), await firstExchange(full)]
    // The first one reads its files from the disk.
    if (round === 0) continue
    seen.ratio.push(heavy.seconds / light.seconds)
    seen.memory.push(heavy.rss / light.rss)
    seen.seconds.push(heavy.seconds)
    seen.rss.push(heavy.rss)
  }
  const name = `${store}: ${String(GRANTS)} live grants`
  tell(`${name}, start to first exchange`, median(seen.seconds), 's')
  tell(`${name}, start over that of an empty one`, median(seen.ratio), '', START_GOAL)
  tell(`${name}, resident memory`, median(seen.rss) / 1e6, 'MB')
  tell(`${name}, memory over that of an empty one`, median(seen.memory), '', START_GOAL)
  for (const at of [empty, full]) {
    at.client?.disconnect()
    await at.stop()
  }
}

/** @param {Place} at */
async function firstExchange({ broker, ci }) {
  const repository = REPOSITORIES[0] ?? ''
  const claims = assertionClaims(broker.url, { repository, run: String(performance.now()) })
  const form = exchangeForm(ci.token(claims))
  const start = performance.now()
  const launched = broker.start()
  while (!(await exchanged(broker.url, form))) await sleep(2)
  const seconds = (performance.now() - start) / 1000
  await launched
  const { rss } = statOf(broker.pid())
  await broker.stop()
  return { seconds, rss }
}

/**
 * @param {string} url
 * @param {string} form
 */
async function exchanged(url, form) {
  try {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const response = await fetch(`${url}/token`, { method: 'POST', headers, body: form })
    if (response.status !== 200) throw new TypeError(`${String(response.status)} ${await response.text()}`)
    return true
  } catch (error) {
    if (error instanceof TypeError && error.message === 'fetch failed') return false
    throw error
  }
}

/** @param {StoreName} store */
async function sweep(store) {
  const at = await place(store)
  const clock = turnable()
  const broker = await fill(at, GRANTS, (index, now) => (index % 100 === 0 ? now + 60 : now + 30 * DAY), clock)
  clock.turn(61)
  await at.client?.config('SET', 'slowlog-log-slower-than', '50')
  await at.client?.config('SET', 'slowlog-max-len', '100000')
  await at.client?.call('SLOWLOG', 'RESET')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const start = performance.now()
  const swept = await broker.sweeper.sweep()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  const name = `${store}: ${String(DUE)} due of ${String(GRANTS)}`
  if (swept < DUE) throw new Error(`${String(swept)} swept of ${String(DUE)}`)
  tell(`${name}, swept in`, seconds, 's', SWEEP_GOAL_SECONDS)
  tell(`${name}, broker CPU for each`, (user + system) / DUE, 'µs')
  tell(`${name}, longest pause of the event loop`, delay.max / 1e6, 'ms')
  if (at.client !== undefined) tell(`${name}, longest call`, await longestCall(at.client), 'ms', CALL_GOAL_MS)
  await broker.stores.close()
  at.client?.disconnect()
  await at.stop()
}

/**
 * @param {Redis} client
 * @returns {Promise<number>} milliseconds
 */
async function longestCall(client) {
  const entries = /** @type {[number, number, number][]} */ (await client.call('SLOWLOG', 'GET', '-1'))
  return Math.max(0, ...entries.map(([, , micros]) => micros)) / 1000
}

exitOnSignals()
if (wants('bytes') && stores.includes('redis')) await weigh()
for (const store of stores) {
  if (wants('sweep')) await sweep(store)
  if (wants('start')) await startUp(store)
}
endAll()
if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, figures }, null, 2)}\n`)
else {
  const rows = figures.map(({ name, value, unit, goal, met }) => [
    name,
    `${value.toFixed(2)} ${unit}`.trim(),
    goal === undefined ? '' : `<= ${String(goal)}`,
    met === undefined ? '' : met ? 'met' : 'missed',
  ])
  process.stdout.write(`${align(rows)}\n`)
}
process.exit(0)
