// @ts-check
// Everything that takes part: brokers on their stores, the limit, the peer and the load generator, each a process.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPublicKey } from 'node:crypto'
import { startBroker } from '../../harness/kit/broker.mjs'
import { auditorClaims } from '../../harness/kit/configuration.mjs'
import { startIssuer } from '../../harness/kit/issuer.mjs'
import { freePort } from '../../harness/kit/free-port.mjs'
import { end, messageOf, startNode, temporaryDirectory } from '../../harness/kit/processes.mjs'
import { DURABLE, startRedis } from '../../harness/kit/redis.mjs'

/** @typedef {'embedded' | 'redis-everysec' | 'redis-strict'} StoreName */

/**
 * @typedef {object} Contender a broker and what it stands on
 * @property {StoreName} store
 * @property {import('../../harness/kit/broker.mjs').BrokerProcess} broker
 * @property {import('../../harness/kit/redis.mjs').RedisServer | undefined} redis
 * @property {() => Promise<number>} issued how many credentials its evidence knows
 */

/**
 * @typedef {object} Field
 * @property {readonly Contender[]} contenders
 * @property {import('node:child_process').ChildProcess} limit
 * @property {{ url: string, child: import('node:child_process').ChildProcess } | undefined} peer
 * @property {import('node:child_process').ChildProcess} load
 * @property {() => Promise<void>} stop
 */

const part = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/**
 * @param {{ stores: readonly StoreName[], hasPeer: boolean, profiles: string | undefined, flags: readonly string[] }}
 *   options `profiles`: a directory for V8's CPU profiles of the brokers. `flags`: of node, for the brokers
 * @returns {Promise<Field>}
 */
export async function enterField({ stores, hasPeer, profiles, flags }) {
  const ci = await startIssuer()
  const corp = await startIssuer()
  /** @type {Contender[]} */
  const contenders = []
  for (const store of stores) contenders.push(await enter(store, ci, corp, profiles, flags))
  const log = join(temporaryDirectory('bench'), 'parts.log')
  const limit = startNode([part('limit.mjs')], { ipc: true })
  await messageOf(limit)
  const peer = hasPeer ? await startPeer(ci, log) : undefined
  const load = startNode([part('load.mjs'), JSON.stringify({ ...ci.signer, issuer: ci.url })], { ipc: true })
  await messageOf(load)
  return {
    contenders,
    limit,
    peer,
    load,
    stop: async () => {
      for (const child of [limit, load, ...(peer === undefined ? [] : [peer.child])]) await end(child, 'SIGKILL')
      for (const { broker, redis } of contenders) {
        await broker.stop()
        await redis?.stop()
      }
      ci.stop()
      corp.stop()
    },
  }
}

/**
 * @param {StoreName} store
 * @param {import('../../harness/kit/issuer.mjs').Issuer} ci
 * @param {import('../../harness/kit/issuer.mjs').Issuer} corp
 * @param {string | undefined} profiles
 * @param {readonly string[]} flags
 * @returns {Promise<Contender>}
 */
async function enter(store, ci, corp, profiles, flags) {
  const durability = store === 'redis-strict' ? 'strict' : 'relaxed'
  const redis = store === 'embedded' ? undefined : await startRedis(DURABLE[durability])
  const broker = await startBroker({
    name: store,
    ci: ci.url,
    corp: corp.url,
    store: (directory) =>
      redis === undefined ? { url: `embedded:${join(directory, 'data')}` } : { url: redis.url, durability },
    nodeFlags: [...flags, ...(profiles === undefined ? [] : ['--import', part('profiler.mjs')])],
    env: () => (profiles === undefined ? {} : { PROFILE: join(profiles, `${store}.cpuprofile`) }),
  })
  return {
    store,
    broker,
    redis,
    issued: () => countIssued(broker.url, () => corp.token(auditorClaims())),
  }
}

/**
 * @param {string} url
 * @param {() => string} auditor a fresh token
 */
async function countIssued(url, auditor) {
  let issued = 0
  let cursor = ''
  for (;;) {
    const query = new URLSearchParams({ stream: 'issuance', limit: '1000', ...(cursor === '' ? {} : { cursor }) })
    const response = await fetch(`${url}/evidence/events?${query.toString()}`, {
      headers: { Authorization: `Bearer ${auditor()}` },
    })
    if (!response.ok)
      throw new Error(`the evidence cannot be read: ${String(response.status)} ${await response.text()}`)
    /** @type {{ events: { type: string }[], next_cursor: string, complete: boolean }} */
    const page = JSON.parse(await response.text())
    issued += page.events.filter(({ type }) => type === 'credential.issued').length
    if (page.complete) return issued
    cursor = page.next_cursor
  }
}

/**
 * @param {import('../../harness/kit/issuer.mjs').Issuer} ci
 * @param {string} log
 */
async function startPeer(ci, log) {
  const port = await freePort()
  const jwk = {
    ...createPublicKey(ci.signer.pem).export({ format: 'jwk' }),
    kid: ci.signer.kid,
    alg: 'ES256',
    use: 'sig',
  }
  const child = startNode([part('peer.mjs'), JSON.stringify(jwk), String(port)], { ipc: true, log })
  await messageOf(child)
  return { url: `http://127.0.0.1:${String(port)}`, child }
}
