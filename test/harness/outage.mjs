// @ts-check
// Kills Redis (`appendfsync always`) under the broker's hands and brings it back: those who heard 503 hold nothing, those
// who hold something hold something that works, and the broker recovers by itself.
import { randomInt } from 'node:crypto'
import { sleep, until } from './kit/processes.mjs'
import { saidBy, tokensIn } from './parts/credentials.mjs'
import { startLoad } from './parts/load.mjs'
import { createTrail } from './parts/trail.mjs'
import { createWorld } from './parts/world.mjs'

/**
 * @typedef {object} OutageReport
 * @property {'redis'} store
 * @property {number} outages
 * @property {number} leastInFlight
 * @property {{ handedOut: number, unavailable: number, voided: number }} seen
 * @property {number} slowestRecoveryMs from the answer of Redis to the first credential
 * @property {readonly string[]} faults
 */

const CONNECTIONS = 80
const LEAST_IN_FLIGHT = 64
const DOWN_MS = 700
const RECOVERED_WITHIN_MS = 60_000
const CONFIRMED_WITHIN_MS = 25_000
/** More than a credential has to be confirmed in, seconds. */
const UNTIL_VOIDED = 45

/**
 * @param {{ outages: number }} options
 * @returns {Promise<OutageReport>}
 */
export async function runOutages({ outages }) {
  const world = await createWorld('redis')
  const trail = createTrail()
  await world.broker.start()
  /** @type {string[]} */
  const faults = []
  const seen = { handedOut: 0, unavailable: 0, voided: 0 }
  let [done, leastInFlight, slowestRecoveryMs] = [0, Number.POSITIVE_INFINITY, 0]
  while (done < outages && faults.length === 0) {
    const load = startLoad(world, { connections: CONNECTIONS, persistent: true })
    const { inFlight, recoveryMs } = await interrupt(world, load)
    load.finish()
    await load.over
    faults.push(...load.faults, ...(await outageFaults(world, trail, load)))
    seen.handedOut += load.attempts.filter(({ outcome }) => outcome === 'issued').length
    seen.unavailable += load.attempts.filter(({ outcome }) => outcome === 'unavailable').length
    if (inFlight < LEAST_IN_FLIGHT) continue
    leastInFlight = Math.min(leastInFlight, inFlight)
    slowestRecoveryMs = Math.max(slowestRecoveryMs, recoveryMs)
    done += 1
  }
  seen.voided = trail.voided.size
  if (seen.unavailable === 0) faults.push('nobody heard 503')
  await world.stop()
  return { store: 'redis', outages: done, leastInFlight, seen, slowestRecoveryMs, faults }
}

/**
 * @param {import('./parts/world.mjs').World} world
 * @param {import('./parts/load.mjs').Load} load
 */
async function interrupt(world, load) {
  const redis = world.redis
  if (redis === undefined) throw new Error('there is no Redis')
  await until(() => Promise.resolve(load.attempts.length > 4 * CONNECTIONS), 'the load is under way')
  await sleep(randomInt(0, 150))
  const inFlight = load.inFlight()
  await redis.kill()
  await sleep(DOWN_MS)
  await redis.restart()
  const back = performance.now()
  const issued = () => load.attempts.filter(({ outcome }) => outcome === 'issued').length
  const before = issued()
  await until(() => Promise.resolve(issued() > before), 'the broker recovers', RECOVERED_WITHIN_MS)
  const recoveryMs = performance.now() - back
  await sleep(300)
  return { inFlight, recoveryMs }
}

/**
 * Handed out = active records; what stands behind a 503 does not work.
 * @param {import('./parts/world.mjs').World} world
 * @param {import('./parts/trail.mjs').Trail} trail
 * @param {import('./parts/load.mjs').Load} load
 * @returns {Promise<string[]>}
 */
async function outageFaults(world, trail, { attempts, completions }) {
  /** @type {string[]} */
  const faults = []
  const handedOut = new Set(attempts.filter(({ outcome }) => outcome === 'issued').map(({ token }) => saidBy(token).id))
  /** @type {{ step: string, detail: string }[]} */
  const marks = []
  await until(
    () => {
      marks.push(...world.takeMarks())
      const confirmed = new Set(marks.flatMap(({ step, detail }) => (step === 'confirmed' ? [detail] : [])))
      return Promise.resolve([...handedOut].every((id) => confirmed.has(id)))
    },
    'what was handed out is confirmed',
    CONFIRMED_WITHIN_MS,
  ).catch((/** @type {Error} */ error) => faults.push(error.message))
  // Nothing hides behind the time that a confirmation has: it is over.
  world.advance(UNTIL_VOIDED)
  world.order({ advance: UNTIL_VOIDED })
  const tokens = tokensIn(marks)
  const runs = new Map(attempts.map((attempt) => [attempt.run, attempt]))
  const ofThisOutage = () =>
    [...trail.issued].filter(([, event]) =>
      runs.has(String(trail.opened.get(event.task_id ?? '')?.data['sealed']?.run_id)),
    )
  const standing = () => ofThisOutage().filter(([id]) => !trail.voided.has(id) && !handedOut.has(id))
  await trail.read(world)
  await until(
    async () => {
      await trail.read(world)
      return standing().length === 0
    },
    'what was not handed out is voided',
    60_000,
  ).catch(() => undefined)
  for (const [id] of standing()) faults.push(`not handed out, and not voided: ${id}`)
  for (const id of handedOut) if (trail.voided.has(id)) faults.push(`handed out, and voided: ${id}`)
  const ended = new Set(completions.filter(({ outcome }) => outcome !== 'refused').map(({ attempt }) => attempt.taskId))
  for (const [id, token] of tokens) {
    const task = String(trail.issued.get(id)?.task_id)
    const isOver = saidBy(token).expiresAt <= world.now() || ended.has(task) || trail.endedTasks.has(task)
    const active = await world.isActive(token)
    if (active && !handedOut.has(id)) faults.push(`not handed out, and active: ${id}`)
    if (!active && !isOver && handedOut.has(id)) faults.push(`handed out, and not active: ${id}`)
  }
  faults.push(...trail.faults.splice(0))
  return faults
}
