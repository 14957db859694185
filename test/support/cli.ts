import { PassThrough } from 'node:stream'
import type { Io } from '../../src/cli/io.js'
import { systemClock, type Clock } from '../../src/runtime/clock.js'

/** A process for a command, in memory. */
export interface TestIo extends Io {
  readonly said: { stdout: string; stderr: string }
}

export interface TestIoOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Standard output and standard error are a terminal. */
  readonly terminal?: boolean
  /** What somebody types at a terminal; without it standard input is no terminal. */
  readonly typed?: string
  readonly clock?: Clock
}

export function testIo({ env = {}, terminal = false, typed, clock = systemClock }: TestIoOptions = {}): TestIo {
  const said = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: terminal,
    write: (text: string) => {
      said[name] += text
      return true
    },
  })
  const stdin = Object.assign(new PassThrough(), { isTTY: typed !== undefined })
  stdin.end(typed ?? '')
  return { stdout: sink('stdout'), stderr: sink('stderr'), stdin, env, clock, said }
}
