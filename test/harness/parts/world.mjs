// @ts-check
// One broker with marks, its issuers, its store, and the clock that all of them go by.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBroker } from '../kit/broker.mjs'
import { startIssuer } from '../kit/issuer.mjs'
import { DURABLE, startRedis } from '../kit/redis.mjs'

const PRELOAD = fileURLToPath(new URL('../marked/preload.mjs', import.meta.url))
const MARKS = 'marks'

/**
 * @typedef {object} World
 * @property {import('../kit/broker.mjs').BrokerProcess} broker
 * @property {import('../kit/redis.mjs').RedisServer | undefined} redis
 * @property {import('../kit/issuer.mjs').Issuer} ci
 * @property {() => number} now seconds, by the broker's clock
 * @property {(seconds: number) => void} advance the clock, also of a broker that runs
 * @property {(order: import('../marked/marks.mjs').Order) => void} order
 * @property {() => readonly { step: string, detail: string }[]} takeMarks those left since the last time
 * @property {(sub: string, group: string) => string} person a fresh token
 * @property {(method: string, path: string, token: string, body?: unknown) => Promise<{ status: number, body: Record<string, any> }>} call
 * @property {(token: string) => Promise<boolean>} isActive introspects
 * @property {() => Promise<void>} stop
 */

/**
 * @param {'embedded' | 'redis'} store
 * @returns {Promise<World>} its broker is not started yet
 */
export async function createWorld(store) {
  const [ci, corp] = [await startIssuer(), await startIssuer()]
  const redis = store === 'redis' ? await startRedis(DURABLE.strict) : undefined
  let offset = 0
  let readTo = 0
  const broker = await startBroker({
    name: `harness-${store}`,
    ci: ci.url,
    corp: corp.url,
    store: (directory) =>
      redis === undefined ? { url: `embedded:${join(directory, 'data')}` } : { url: redis.url, durability: 'strict' },
    nodeFlags: ['--import', PRELOAD],
    env: (directory) => ({ MARKS: join(directory, MARKS), CLOCK_OFFSET: String(offset) }),
    ipc: true,
    lease: '1m',
    starts: false,
  })
  const now = () => Math.floor(Date.now() / 1000) + offset
  const order = (/** @type {import('../marked/marks.mjs').Order} */ given) => {
    if (broker.child().connected) broker.child().send(given, () => undefined)
  }
  return {
    broker,
    redis,
    ci,
    now,
    order,
    advance: (seconds) => {
      offset += seconds
    },
    takeMarks: () => {
      // It is never cut: the broker may be writing to it. A line that is not whole yet waits for the next time.
      const text = readFileSync(join(broker.directory, MARKS), 'utf8').slice(readTo)
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      readTo += whole.length
      const lines = whole.split('\n').filter((line) => line !== '')
      return lines.map((line) => ({
        step: line.slice(0, line.indexOf(' ')),
        detail: line.slice(line.indexOf(' ') + 1),
      }))
    },
    person: (sub, group) =>
      corp.token({
        sub,
        aud: 'errand',
        iat: now(),
        exp: now() + 300,
        auth_time: now(),
        groups: [group],
        ci_id: `ci-${sub}`,
      }),
    call: async (method, path, token, body) => {
      const response = await fetch(`${broker.url}${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: JSON.parse((await response.text()) || '{}') }
    },
    isActive: async (token) => {
      const response = await fetch(`${broker.url}/introspect`, {
        method: 'POST',
        headers: { Authorization: broker.authorization },
        body: new URLSearchParams({ token }),
      })
      const text = await response.text()
      if (response.status !== 200) throw new Error(`introspection: ${String(response.status)} ${text}`)
      return JSON.parse(text).active === true
    },
    stop: async () => {
      await broker.stop()
      await redis?.stop()
      ci.stop()
      corp.stop()
    },
  }
}
