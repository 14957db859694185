// @ts-check
// Rounds: in each of them everything is measured once, one after the other, so that what slows this machine slows all.
import { messageOf, sleep } from '../../harness/kit/processes.mjs'
import { mainThreadCpu, ownMemory, statOf } from '../../harness/kit/proc-stat.mjs'

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {import('./contenders.mjs').StoreName | 'peer'} on
 * @property {'fresh' | 'renew' | 'certify' | 'peer'} kind
 * @property {number} connections
 */

/**
 * @typedef {object} Sample one row in one round
 * @property {number} perSecond
 * @property {number} p50 milliseconds
 * @property {number} p99
 * @property {number} brokerCpu microseconds of each exchange
 * @property {number} mainCpu of it in the main thread
 * @property {number} redisCpu
 * @property {number} loadCpu
 * @property {number} memory bytes of its own
 */

/** @typedef {{ limit: { perSecond: number, cpu: number }, samples: ReadonlyMap<string, Sample> }} Round */
/** @typedef {{ ms: number, warmUpMs: number, rounds: number, profiled: boolean, onRound: (round: number) => void }} Plan */

/** What is done after the answers (confirming them, for one) belongs to the exchanges. */
const SETTLE_MS = 200
const FIRST_GUESS = 3000
/** V8 needs about so many exchanges until it has compiled what it will. */
const WARM_EXCHANGES = 8000
const WARM_UP_SLOTS = 8

/**
 * @param {import('./contenders.mjs').Field} field
 * @param {readonly Row[]} rows
 * @param {Plan} plan
 * @returns {Promise<{ rounds: readonly Round[], exchanges: ReadonlyMap<string, number>, verified: number, faults: readonly string[] }>}
 */
export async function measureRounds(field, rows, { ms, warmUpMs, rounds, profiled, onRound }) {
  /** @type {Map<string, number>} */
  const rates = new Map()
  /** @type {Map<string, number>} */
  const exchanges = new Map()
  /** @type {string[]} */
  const faults = []
  let verified = 0

  const measure = async (/** @type {Row} */ row, /** @type {number} */ forMs, isWarm = true) => {
    const guess = rates.get(row.name) ?? FIRST_GUESS
    const atMost = Math.ceil(guess * (forMs / 1000) * 1.6) + 500
    const { measured, sample } = await measureRow(field, row, forMs, atMost, profiled && isWarm)
    rates.set(row.name, sample.perSecond)
    exchanges.set(row.on, (exchanges.get(row.on) ?? 0) + measured.count)
    verified += measured.verified
    faults.push(...measured.faults.map((fault) => `${row.name}: ${fault}`))
    return sample
  }

  await limitOf(field, warmUpMs)
  for (const row of rows) await measure(row, warmUpMs, false)
  for (const row of rows) {
    for (let slot = 0; slot < WARM_UP_SLOTS && (exchanges.get(row.on) ?? 0) < WARM_EXCHANGES; slot++) {
      await measure(row, warmUpMs, false)
    }
  }
  const done = []
  for (let round = 0; round < rounds; round++) {
    onRound(round + 1)
    const limit = await limitOf(field, ms)
    /** @type {Map<string, Sample>} */
    const samples = new Map()
    // Another order each time: whoever comes after a heavy row may find the machine warm, or throttled.
    for (let at = 0; at < rows.length; at++) {
      const row = rows[(at + round) % rows.length]
      if (row !== undefined) samples.set(row.name, await measure(row, ms))
    }
    done.push({ limit, samples })
  }
  return { rounds: done, exchanges, verified, faults }
}

/**
 * @param {import('./contenders.mjs').Field} field
 * @param {number} ms
 */
async function limitOf({ limit }, ms) {
  limit.send({ ms })
  /** @type {import('./limit.mjs').Limit} */
  const { operations, seconds, cpu } = await messageOf(limit)
  return { perSecond: operations / seconds, cpu }
}

/**
 * @param {import('./contenders.mjs').Field} field
 * @param {Row} row
 * @param {number} ms
 * @param {number} atMost
 * @param {boolean} profiled
 */
async function measureRow(field, row, ms, atMost, profiled) {
  const contender = field.contenders.find(({ store }) => store === row.on)
  const isProfiled = profiled && contender !== undefined
  const url = contender?.broker.url ?? field.peer?.url ?? ''
  const pid = contender?.broker.pid() ?? field.peer?.child.pid ?? 0
  const redis = contender?.redis?.pid()
  field.load.send({ kind: row.kind, url, connections: row.connections, ms, atMost })
  await messageOf(field.load)
  const cpuNow = () => ({
    main: mainThreadCpu(pid),
    broker: statOf(pid).cpu,
    redis: redis === undefined ? 0 : statOf(redis).cpu,
  })
  if (isProfiled) process.kill(pid, 'SIGUSR2')
  const before = cpuNow()
  field.load.send('go')
  /** @type {import('./load.mjs').Measured} */
  const measured = await messageOf(field.load)
  await sleep(SETTLE_MS)
  const after = cpuNow()
  if (isProfiled) process.kill(pid, 'SIGUSR2')
  const { count, seconds, p50, p99 } = measured
  return {
    measured,
    sample: {
      perSecond: count / seconds,
      p50,
      p99,
      mainCpu: (after.main - before.main) / count,
      brokerCpu: (after.broker - before.broker) / count,
      redisCpu: (after.redis - before.redis) / count,
      loadCpu: measured.cpu / count,
      memory: ownMemory(pid),
    },
  }
}
