import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../runtime/clock.js'
import { createApi } from '../api.js'
import { CommandError } from '../command-error.js'
import { EXIT } from '../exit-codes.js'
import { ERRAND } from './errand.js'
import type { Temporary } from './temporary.js'

/** For slow machines; one that ends is noticed at once. */
const READY_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 5000
const LOG_LINES = 20

export interface BrokerPlace {
  readonly url: string
  readonly configFile: string
  readonly env: NodeJS.ProcessEnv
}

/**
 * Starts the broker of the demo and waits until it says that it is ready: this very program,
 * `errand serve`, in a process of its own, which `temporary` ends.
 */
export async function startBroker(place: BrokerPlace, temporary: Temporary, clock: Clock): Promise<void> {
  const { url, configFile, env } = place
  const child = spawn(process.execPath, [...ERRAND, 'serve', '--config', configFile], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = lastLines(child)
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => {
      resolve()
    })
    child.once('exit', () => {
      resolve()
    })
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const patience = new AbortController()
    const late = sleep(STOP_WITHIN_MS, 'late', { signal: patience.signal }).catch(() => 'stopped')
    if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL')
    patience.abort()
    await ended
  }
  temporary.later(stop)
  const until = clock.nowMs() + READY_WITHIN_MS
  while (clock.nowMs() < until && child.exitCode === null && child.signalCode === null) {
    if (await isReady(url)) return
    await sleep(25)
  }
  throw new CommandError(EXIT.refused, 'the broker did not become ready', log())
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await createApi(url, 1000).send({ method: 'GET', path: '/readyz' })).status === 200
  } catch {
    return false
  }
}

/** What it said last, for when it fails: its log has no secrets in it. */
function lastLines(child: ChildProcess): () => string {
  let lines: readonly string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      lines = [...lines, ...chunk.split('\n').filter((line) => line !== '')].slice(-LOG_LINES)
    })
  }
  return () => lines.join('\n')
}
