import { systemClock, type Clock } from '../runtime/clock.js'

/** What a command touches of its process. Given, so that a test can stand in its place. */
export interface Io {
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
}

export interface TextSink {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

export const processIo = (): Io => ({
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  clock: systemClock,
})
