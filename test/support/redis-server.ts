import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../harness/kit/free-port.mjs'

/** A real redis-server of our own, on loopback, in a folder of its own. Whoever starts one stops it. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: number
  /** Runs one command on a connection of its own. */
  command(...words: [string, ...string[]]): Promise<unknown>
  /** Kills it as a power cut would, and starts it again on the same port with the same files. */
  kill(): Promise<void>
  restart(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** Lines of redis.conf, in place of or beside the defaults (strict durability). */
  readonly settings?: Readonly<Record<string, string>>
  readonly sentinel?: boolean
  readonly port?: number
}

const STRICT = {
  appendonly: 'yes',
  appendfsync: 'always',
  save: '""',
  'maxmemory-policy': 'noeviction',
  'repl-diskless-sync-delay': '0',
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-redis-'))
  const port = options.port ?? (await freePort())
  const file = join(folder, 'redis.conf')
  const base = { bind: '127.0.0.1', port: String(port), dir: folder, daemonize: 'no', 'protected-mode': 'no' }
  const settings = { ...base, ...(options.sentinel === true ? {} : STRICT), ...options.settings }
  await writeFile(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )
  const words = [file, ...(options.sentinel === true ? ['--sentinel'] : [])]
  let child = await launch(words, port)

  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0
    },
    command: (...words) => runCommand(port, words),
    kill: end,
    async restart() {
      await end()
      child = await launch(words, port)
    },
    async stop() {
      await end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

// Whatever ends this process, nothing of ours goes on running.
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

async function launch(words: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', words, { stdio: 'ignore' })
  const failed = once(child, 'error').then(([error]: unknown[]) => {
    throw new Error('redis-server cannot be started: apt-get install redis-server', { cause: error })
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  await Promise.race([failed, untilItAnswers(port)])
  return child
}

async function untilItAnswers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 2400; attempt += 1) {
    try {
      await runCommand(port, ['PING'])
      return
    } catch {
      await sleep(25)
    }
  }
  throw new Error('redis-server does not answer')
}

async function runCommand(port: number, [name, ...words]: readonly [string, ...string[]]): Promise<unknown> {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null, enableReadyCheck: false })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await client.call(name, ...words)
  } finally {
    client.disconnect()
  }
}
