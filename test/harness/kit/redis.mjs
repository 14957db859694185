// @ts-check
// A Redis server of our own, on a free port and in a directory of its own.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port.mjs'
import { end, endsWithUs, temporaryDirectory, until } from './processes.mjs'

/**
 * @typedef {object} RedisServer
 * @property {number} port
 * @property {string} url
 * @property {() => number} pid
 * @property {(...words: string[]) => Promise<string>} command an inline command; its reply as it came
 * @property {() => Promise<void>} kill SIGKILL; its files stay
 * @property {() => Promise<void>} restart on the same port, with the same files
 * @property {() => Promise<void>} stop
 */

/**
 * @param {Readonly<Record<string, string>>} settings lines of redis.conf
 * @returns {Promise<RedisServer>}
 */
export async function startRedis(settings) {
  const directory = temporaryDirectory('redis')
  const port = await freePort()
  const file = join(directory, 'redis.conf')
  const lines = { bind: '127.0.0.1', port: String(port), dir: directory, daemonize: 'no', save: '""', ...settings }
  writeFileSync(
    file,
    Object.entries(lines)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )
  const launch = async () => {
    const server = endsWithUs(spawn(PROGRAM, [file], { stdio: 'ignore' }))
    server.once('error', () => undefined)
    await until(() => answers(port), 'redis-server answers (apt-get install redis-server)')
    return server
  }
  let child = await launch()
  return {
    port,
    url: `redis://127.0.0.1:${String(port)}`,
    pid: () => child.pid ?? 0,
    command: (...words) => ask(port, words.join(' ')),
    kill: () => end(child, 'SIGKILL'),
    restart: async () => {
      await end(child, 'SIGKILL')
      child = await launch()
    },
    stop: () => end(child, 'SIGKILL'),
  }
}

/** @type {Readonly<Record<'strict' | 'relaxed', Readonly<Record<string, string>>>>} */
export const DURABLE = {
  strict: { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' },
  relaxed: { appendonly: 'yes', appendfsync: 'everysec', 'maxmemory-policy': 'noeviction' },
}

const PROGRAM = 'redis-server'

const answers = async (/** @type {number} */ port) => {
  try {
    return (await ask(port, 'PING')).startsWith('+PONG')
  } catch {
    return false
  }
}

/**
 * @param {number} port
 * @param {string} line
 * @returns {Promise<string>}
 */
function ask(port, line) {
  return new Promise((resolve, reject) => {
    let reply = ''
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.write(`${line}\r\n`))
    socket.on('data', (text) => {
      reply += String(text)
      if (isWhole(reply)) {
        socket.destroy()
        resolve(reply)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => {
      reject(new Error('redis closed the connection'))
    })
  })
}

/** A simple reply is one line; a bulk string says how long it is (RESP2). */
function isWhole(/** @type {string} */ reply) {
  const bulk = /^\$(-?\d+)\r\n/.exec(reply)
  if (bulk === null) return reply.endsWith('\r\n')
  return Buffer.byteLength(reply) >= bulk[0].length + Math.max(0, Number(bulk[1])) + 2
}
