import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * A program of test/outside: a plain Node process that knows nothing of this repository but what it is told. It is given
 * one JSON value as its argument and tells what it found by lines of JSON.
 */
export interface OutsideProgram {
  /** Its next line; rejects when it ends before, with what it wrote to its error output. */
  next(): Promise<Record<string, unknown>>
  /** A line for its standard input. */
  tell(value: unknown): void
  /** Ends it, if it has not ended by itself, and waits until it is gone. */
  stop(): Promise<void>
}

const GIVE_UP_MS = 60_000

export function startOutside(name: string, input: unknown): OutsideProgram {
  const path = fileURLToPath(new URL(`../outside/${name}.mjs`, import.meta.url))
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== 'NODE_OPTIONS'))
  const child = spawn(process.execPath, [path, JSON.stringify(input)], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const errors: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  child.stdin.on('error', () => undefined)
  const timer = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS)
  const gone = once(child, 'close').finally(() => {
    clearTimeout(timer)
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async next() {
      const line = await lines.next()
      if (line.done !== true) return JSON.parse(line.value) as Record<string, unknown>
      await gone
      throw new Error(
        `${name} has ended (${String(child.exitCode ?? child.signalCode)}): ${errors.join('').slice(0, 3000)}`,
      )
    },
    tell: (value) => void child.stdin.write(`${JSON.stringify(value)}\n`),
    async stop() {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) child.kill()
      await gone
    },
  }
}

/** What a program says in its one line; it must end well by itself. */
export async function runOutside(name: string, input: unknown): Promise<Record<string, unknown>> {
  const program = startOutside(name, input)
  try {
    return await program.next()
  } finally {
    await program.stop()
  }
}
